"""A long recording becomes moves, on a real Kafka and worker: parts are cut out once, whatever is decided twice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from agents.media.cut import CutPart, cut
from agents.move_indexing.dancers import detection_cache
from infra.base.atomic_file import sha256_of
from infra.settings import Settings
from tests.broker.conftest import DataFolder
from tests.odd_media.marked import song
from tests.unit.move_indexing.drawn_recording import END_S, Finder, write_drawn_recording

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture
def recording(data_folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a recording whose dancers are in the cache of detections."""
    monkeypatch.setattr(detection_cache, "DancerFinder", Finder)
    path = write_drawn_recording(tmp_path / "class.mp4", song(END_S, 20.0))
    _detect(data_folder, path)
    return path


def _detect(data_folder: DataFolder, path: Path) -> str:
    """Put the dancers of a file into the cache of detections, and return its SHA-256."""
    sha256 = sha256_of(path)
    cache = Settings(data_dir=data_folder.path).derived_dir
    mask = os.umask(0o077)  # as of all programs that write there
    try:
        detection_cache.cached_detections(path, sha256, "fast", Path("none"), cache)
    finally:
        os.umask(mask)
    return sha256


def _parts(data_folder: DataFolder, *arguments: str | Path) -> list[dict[str, Any]]:
    completed = data_folder.bachata(*arguments)
    assert completed.exit_code == 0, completed.stderr
    parts: list[dict[str, Any]] = completed.json["recordings"][0]["parts"]
    return parts


def test_parts_of_a_recording_become_moves_once(
    data_folder: DataFolder, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = _parts(data_folder, "index", "--split", recording)
    assert one["state"] == "open"
    clip = tmp_path / "clip.mp4"
    cut(recording, CutPart(one["start_s"], one["end_s"], 0), clip)
    monkeypatch.setattr(Finder, "from_s", one["start_s"])
    clip_sha256 = _detect(data_folder, clip)
    before = data_folder.library()["moves"]
    for _ in range(2):
        accepted = _parts(data_folder, "moves", "review", recording, "--accept", "1", "--name", "swing")[0]
        assert (accepted["state"], accepted["clip_sha256"]) == ("accepted", clip_sha256)
    assert data_folder.library()["moves"] == before + 1
    _parts(data_folder, "moves", "review", "class", "--rename", "1", "side swing", "--drop", "2")
    states = [(part["name"], part["state"]) for part in _parts(data_folder, "index", "--split", recording)]
    assert states == [("side swing", "accepted"), (None, "dropped")]
    [move] = [move for move in data_folder.bachata("moves", "list").json["moves"] if move["sha256"] == clip_sha256]
    assert (move["clip"], move["move"]) == ("class_1", "side swing")
    assert data_folder.bachata("moves", "remove", clip_sha256).exit_code == 0
