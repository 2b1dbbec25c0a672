"""Files that can be made again are removed, those used longest ago first, and never one in use."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from time import time

import pytest

from infra.base.derived_files import note_use, remove_unused, sizes, using_files

_HELD = """
import sys
from pathlib import Path
from infra.base.derived_files import using_files
with using_files(Path(sys.argv[1])):
    print("working", flush=True)
    sys.stdin.read()
"""


def _write(cache: Path, name: str, used_s_ago: float, size: int = 100) -> Path:
    file = cache / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(size))
    os.utime(file, (time() - used_s_ago,) * 2)
    return file


def test_the_files_used_longest_ago_are_removed_until_the_rest_is_small_enough(tmp_path: Path) -> None:
    old, middle, new = (_write(tmp_path, f"audio/{age}.m4a", age) for age in (300, 200, 100))
    assert remove_unused(tmp_path, 300) == 0
    assert remove_unused(tmp_path, 250) == 100
    assert (old.exists(), middle.exists(), new.exists()) == (False, True, True)
    assert note_use(tmp_path, middle)
    assert remove_unused(tmp_path, 100) == 100
    assert (middle.exists(), new.exists()) == (True, False)
    assert not note_use(tmp_path, new)


def test_a_file_and_its_description_go_together(tmp_path: Path) -> None:
    video = _write(tmp_path, "mezzanines/clip/balanced-1.mp4", 10)
    facts = _write(tmp_path, "mezzanines/clip/balanced-1.json", 500)
    other = _write(tmp_path, "dancers/clip/fast-2.npz", 400)
    assert remove_unused(tmp_path, 200) == 100
    assert (video.exists(), facts.exists(), other.exists()) == (True, True, False)
    assert remove_unused(tmp_path, 0) == 200
    assert not facts.exists()


def test_only_files_that_are_made_again_are_counted_and_removed(tmp_path: Path) -> None:
    others = [_write(tmp_path, name, 500) for name in ("recordings/a/0-1.jpg", "cuts/a.mp4", "audio/.a.m4a.1.part")]
    song = _write(tmp_path, "audio/a-1.m4a", 5)
    assert sizes(tmp_path) == {"audio": 100, "dancers": 0, "mezzanines": 0}
    assert remove_unused(tmp_path, 100) == 0
    assert remove_unused(tmp_path, 0) == 100
    assert not song.exists()
    assert all(file.exists() for file in others)


def test_a_pattern_names_what_is_removed(tmp_path: Path) -> None:
    one, other = (_write(tmp_path, f"audio/{song}-1.m4a", 100) for song in "ab")
    assert remove_unused(tmp_path, 0, "a-*") == 100
    assert (one.exists(), other.exists()) == (False, True)


def test_a_file_that_a_working_process_has_used_is_not_removed(tmp_path: Path) -> None:
    before, used = (_write(tmp_path, f"audio/{name}.m4a", 500) for name in ("before", "used"))
    command = [sys.executable, "-c", _HELD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        note_use(tmp_path, used)
        remove_unused(tmp_path, 0)
        assert (before.exists(), used.exists()) == (False, True)
        process.kill()
    remove_unused(tmp_path, 0)
    assert not used.exists()


def test_a_use_is_noted_after_a_removal_in_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a file could be taken as there, and be removed before it is opened."""
    file = _write(tmp_path, "audio/a.m4a", 500)
    found: list[bool] = []
    noting = threading.Thread(target=lambda: found.append(note_use(tmp_path, file)))

    def remove(*files: Path) -> None:
        noting.start()
        noting.join(0.2)
        assert found == []
        for removed in files:
            removed.unlink()

    monkeypatch.setattr("infra.base.derived_files.remove_files", remove)
    remove_unused(tmp_path, 0)
    noting.join(5)
    assert found == [False]


def test_nothing_is_left_of_a_process_that_has_ended(tmp_path: Path) -> None:
    with using_files(tmp_path):
        pass
    assert list((tmp_path / "users").iterdir()) == []
    assert remove_unused(tmp_path, 0) == 0
