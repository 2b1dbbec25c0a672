"""Clips in folders: what systems keep there is skipped, and each content is stored once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infra.settings import Settings
from schemas.faults import Poison
from streams.files.clip_names import named_clip
from streams.files.clips import find_clips, store_clips
from tests.paths import SHARED

_HIDDEN = [
    "._IMG_0001.MOV",
    ".hidden.mp4",
    "~$basic.mp4",
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
    "basic.mp4.part",
    "basic.mp4.crdownload",
    ".Trash-1000/files/old.mp4",
    "@eaDir/basic.mp4/SYNOVIDEO.mp4",
    "__MACOSX/._basic.mp4",
    "__MACOSX/basic.mp4",
    "#recycle/basic.mp4",
    "$RECYCLE.BIN/basic.mp4",
]


def _file(path: Path, content: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content or path.name, encoding="utf-8")
    return path


def test_hidden_files_and_folders_are_left_alone(tmp_path: Path) -> None:
    clips = [_file(tmp_path / name) for name in ("#1 basic.mp4", "@home.MOV", "inner/basic.mp4")]
    for name in _HIDDEN:
        _file(tmp_path / name)
    found = find_clips([tmp_path])
    assert sorted(found.files) == clips
    assert found.warnings == ()


@pytest.mark.parametrize("name", ["._IMG_0001.MOV", "basic.mp4.part", ".Trash/old.mp4"])
def test_a_hidden_file_that_is_named_is_tried(name: str, tmp_path: Path) -> None:
    file = _file(tmp_path / name)
    assert find_clips([file]).files == (file,)
    assert find_clips([file, tmp_path]).files == (file,)


def test_a_folder_of_hidden_files_only_has_no_video(tmp_path: Path) -> None:
    _file(tmp_path / "._IMG_0001.MOV")
    with pytest.raises(Poison, match="no video below"):
        find_clips([tmp_path])


def test_loops_of_links_end_and_are_one_warning_each(tmp_path: Path) -> None:
    clip = _file(tmp_path / "inner" / "basic.mp4")
    (tmp_path / "inner" / "again").symlink_to(tmp_path)
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    (tmp_path / "lost.mp4").symlink_to(tmp_path / "no-such-file")
    found = find_clips([tmp_path])
    assert found.files == (clip,)
    assert sorted(found.warnings) == [f"{tmp_path / n}.mp4 is a link to no file: skipped" for n in ("loop", "lost")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_is_one_warning(tmp_path: Path) -> None:
    clip = _file(tmp_path / "basic.mp4")
    locked = _file(tmp_path / "locked" / "a.mp4").parent
    locked.chmod(0)
    found = find_clips([tmp_path])
    locked.chmod(0o700)
    assert found.files == (clip,)
    assert found.warnings == (f"{locked} cannot be read, its files are left out: Permission denied",)


def test_a_path_that_is_named_twice_is_one_file(tmp_path: Path) -> None:
    clip = _file(tmp_path / "basic.mp4")
    assert find_clips([clip, tmp_path, tmp_path / "." / "basic.mp4"]).files == (clip,)


def test_a_content_is_stored_once_and_named_by_its_first_file(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    original = _file(folder / "middle.mp4", "a clip")
    (folder / "zz.mp4").hardlink_to(original)
    (folder / "aa.mp4").symlink_to(original)
    _file(folder / "later.mp4", "a clip")
    _file(folder / "inner" / "other.mp4", "another clip")
    clips, refused = store_clips(Settings(data_dir=tmp_path / "data"), find_clips([folder]).files)
    assert [[file.name for file in clip.files] for clip in clips] == [
        ["later.mp4", "middle.mp4", "zz.mp4", "aa.mp4"],
        ["other.mp4"],
    ]
    assert refused == {}


def test_a_file_that_cannot_be_stored_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    clips, refused = store_clips(Settings(data_dir=tmp_path / "data"), find_clips([tmp_path]).files)
    assert clips == []
    assert [fault.reason for fault in refused.values()] == ["empty"]


def test_the_name_in_use_wins_over_the_files_names(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        _file(tmp_path / name, "a clip")
    [clip], _ = store_clips(Settings(data_dir=tmp_path / "data"), find_clips([tmp_path]).files)
    first, second, other, outdated = (
        named_clip(clip, names, frozenset(old))
        for names, old in (
            ({}, ""),
            ({clip.sha256: "b"}, ""),
            ({clip.sha256: "x"}, ""),
            ({clip.sha256: "x"}, [clip.sha256]),
        )
    )
    assert (first.name, first.copies, first.is_new) == ("a", (tmp_path / "b.mp4",), True)
    assert (second.name, second.copies, second.is_new) == ("b", (tmp_path / "a.mp4",), True)
    assert (other.name, other.copies, other.is_new) == ("x", (tmp_path / "a.mp4", tmp_path / "b.mp4"), False)
    assert (outdated.name, outdated.is_new) == ("x", True)


def test_the_example_is_left_alone() -> None:
    folder = SHARED / "field" / "text"
    if not folder.exists():
        pytest.skip("the examples are not on this machine")
    with pytest.raises(Poison, match="no video below"):
        find_clips([folder])
