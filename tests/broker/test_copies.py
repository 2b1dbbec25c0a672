"""One clip under several names is one move, in one run, in later runs and in runs at the same time."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.broker.conftest import DataFolder
from tests.broker.found_dancers import reuse_dancers

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture
def make_clip(short_clip: Path) -> Callable[[Path, int], Path]:
    """Return a function that writes a clip whose content differs from the others' only behind its last box."""

    def make(file: Path, number: int) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        box = b"\x00\x00\x00\x10free" + number.to_bytes(8, "big")
        file.write_bytes(short_clip.read_bytes() + box)
        return file

    return make


def _names(data_folder: DataFolder, sha256: str) -> list[str]:
    moves = data_folder.bachata("moves", "list").json["moves"]
    return [move["clip"] for move in moves if move["sha256"] == sha256]


def _status(report: dict[str, Any]) -> dict[str, str]:
    return {Path(clip.get("file") or clip["clip"]).stem: clip["status"] for clip in report["clips"]}


def test_copies_of_a_clip_are_one_move_in_one_run_and_in_later_ones(
    data_folder: DataFolder,
    one_move: dict[str, Any],
    short_clip: Path,
    make_clip: Callable[[Path, int], Path],
    tmp_path: Path,
) -> None:
    original = make_clip(tmp_path / "b_original.mp4", 1)
    reuse_dancers(data_folder.path, short_clip, original)
    shutil.copy(original, tmp_path / "c_copy.mp4")
    (tmp_path / "d_hard.mp4").hardlink_to(original)
    (tmp_path / "a_link.mp4").symlink_to(original)
    make_clip(tmp_path / "._b_original.mp4", 2)
    first = data_folder.bachata("index", tmp_path)
    assert first.exit_code == 0, first.stderr
    names = {"b_original": "indexed"} | dict.fromkeys(("a_link", "c_copy", "d_hard"), "copy")
    assert _status(first.json) == names
    [sha256] = {clip["sha256"] for clip in first.json["clips"]}
    assert {clip["copy_of"] for clip in first.json["clips"] if clip["status"] == "copy"} == {"b_original.mp4"}
    later = make_clip(tmp_path / "later" / "a_later.mp4", 1)
    second = data_folder.bachata("index", later.parent)
    assert (second.exit_code, _status(second.json)) == (0, {"a_later": "copy"})
    assert second.json["clips"][0]["copy_of"] == "b_original"
    assert _names(data_folder, sha256) == ["b_original"]


def test_copies_that_are_indexed_at_the_same_time_are_one_move(
    data_folder: DataFolder, make_clip: Callable[[Path, int], Path], tmp_path: Path
) -> None:
    files = [make_clip(tmp_path / name, 3) for name in ("one.mp4", "two.mp4", "three.mp4")]
    with ThreadPoolExecutor() as threads:
        results = list(threads.map(lambda file: data_folder.bachata("index", file), files))
    assert [result.exit_code for result in results] == [0, 0, 0]
    clips = [clip for result in results for clip in result.json["clips"]]
    assert sorted(clip["status"] for clip in clips) == ["copy", "copy", "indexed"]
    [name] = {clip["clip"] for clip in clips if clip["status"] == "indexed"}
    assert {clip["copy_of"] for clip in clips if clip["status"] == "copy"} == {name}
    assert _names(data_folder, clips[0]["sha256"]) == [name]
