"""Test atomic writes, and the removal of files that killed processes left."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from infra.base.atomic_file import remove_files, replacing, unnamed_file


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_written_file_replaces_the_target(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.mp4"
    for content in (b"first", b"second"):
        with replacing(target) as temporary:
            temporary.write_bytes(content)
        assert target.read_bytes() == content
    assert names(target.parent) == ["a.mp4"]


def test_a_failure_does_not_change_the_target(tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    target.write_bytes(b"before")
    with pytest.raises(ValueError, match="stop"):
        _fail(target)
    assert target.read_bytes() == b"before"
    assert names(tmp_path) == ["a.mp4"]


def _fail(target: Path) -> None:
    with replacing(target) as temporary:
        temporary.write_bytes(b"incomplete")
        raise ValueError("stop")


def _hang(target: Path, writing: Event) -> None:
    with replacing(target) as temporary:
        temporary.write_bytes(b"incomplete")
        writing.set()
        multiprocessing.get_context("spawn").Event().wait()


def test_a_temporary_file_is_removed_once_its_process_was_killed(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writing = context.Event()
    process = context.Process(target=_hang, args=(tmp_path / "a.mp4", writing))
    process.start()
    assert writing.wait(30)
    _write(tmp_path / "b.mp4")
    assert [name for name in names(tmp_path) if name.startswith(".a.mp4.")]
    process.kill()
    process.join()
    _write(tmp_path / "b.mp4")
    assert names(tmp_path) == ["b.mp4"]


@pytest.mark.parametrize("is_supported", [True, False])
def test_a_file_without_a_name_gets_one_when_it_is_complete(
    is_supported: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_supported:
        monkeypatch.delattr(os, "O_TMPFILE")
    (tmp_path / "left.part").touch()
    with unnamed_file(tmp_path, lambda: "a.part", "*.part") as (descriptor, give_name):
        assert names(tmp_path) == ([] if is_supported else ["a.part"])
        os.write(descriptor, b"complete")
        assert give_name().read_bytes() == b"complete"
        assert (tmp_path / "a.part").stat().st_mode & 0o777 == 0o600
        with unnamed_file(tmp_path, lambda: "b.part", "*.part"):  # removes only what no process has locked
            assert "a.part" in names(tmp_path)
    assert names(tmp_path) == []


def test_two_writers_can_write_the_same_target(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as first:
        first.write_bytes(b"first")
        _write(tmp_path / "a")
        assert first.read_bytes() == b"first"
    assert (tmp_path / "a").read_bytes() == b"first"
    assert names(tmp_path) == ["a"]


def _write(target: Path) -> None:
    with replacing(target) as temporary:
        temporary.write_bytes(b"done")


def test_other_files_and_links_are_not_removed(tmp_path: Path) -> None:
    (tmp_path / ".download.part").write_bytes(b"a file of another program")
    (tmp_path / "song.part").write_bytes(b"not a temporary file")
    (tmp_path / ".a.1-abcdefgh.part").symlink_to(tmp_path / "song.part")
    _write(tmp_path / "b")
    assert names(tmp_path) == [".a.1-abcdefgh.part", ".download.part", "b", "song.part"]


def test_removing_ignores_missing_files(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    remove_files(tmp_path / "a", tmp_path / "missing")
    assert names(tmp_path) == []
