"""A long recording becomes moves, on a real Kafka and worker: parts are cut out once, whatever is decided twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.media.cut import CutPart, cut
from infra.base.atomic_file import sha256_of
from infra.settings import Settings
from streams.tools import make_tools
from tests.broker.conftest import DataFolder
from tests.odd_media.marked import song
from tests.unit.move_indexing.drawn_recording import END_S, cache_dancers, write_drawn_recording

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture
def recording(data_folder: DataFolder, tmp_path: Path) -> Path:
    """Return a recording whose dancers are in the cache of detections."""
    path = write_drawn_recording(tmp_path / "lesson.mp4", song(END_S, 20.0))
    cache_dancers(path, _cache(data_folder))
    return path


def _cache(data_folder: DataFolder) -> Path:
    return Settings(data_dir=data_folder.path).derived_dir


def _parts(data_folder: DataFolder, *arguments: str | Path) -> list[dict[str, Any]]:
    completed = data_folder.bachata(*arguments)
    assert completed.exit_code == 0, completed.stderr
    parts: list[dict[str, Any]] = completed.json["recordings"][0]["parts"]
    return parts


def test_parts_of_a_recording_become_moves_once(data_folder: DataFolder, recording: Path, tmp_path: Path) -> None:
    one, _ = _parts(data_folder, "index", "--split", recording)
    assert one["state"] == "open"
    clip = tmp_path / "clip.mp4"
    cut(recording, CutPart(one["start_s"], one["end_s"], 0), clip)
    clip_sha256 = cache_dancers(clip, _cache(data_folder), one["start_s"])
    before = data_folder.library()["moves"]
    for _ in range(2):
        accepted = _parts(data_folder, "moves", "review", recording, "--accept", "1", "--name", "swing")[0]
        assert (accepted["state"], accepted["clip_sha256"]) == ("accepted", clip_sha256)
    assert data_folder.library()["moves"] == before + 1
    media = make_tools(Settings(data_dir=data_folder.path)).media
    media.path(sha256_of(recording)).unlink()  # a move is renamed without it
    _parts(data_folder, "moves", "review", "lesson", "--rename", "1", "side swing", "--drop", "2")
    states = [(part["name"], part["state"]) for part in _parts(data_folder, "index", "--split", recording)]
    assert states == [("side swing", "accepted"), (None, "dropped")]
    [move] = [move for move in data_folder.bachata("moves", "list").json["moves"] if move["sha256"] == clip_sha256]
    assert (move["clip"], move["move"]) == ("lesson_1", "side swing")
    assert data_folder.bachata("moves", "remove", clip_sha256).exit_code == 0
    assert _parts(data_folder, "moves", "review", "lesson", "--drop", "1")[0]["state"] == "dropped"
