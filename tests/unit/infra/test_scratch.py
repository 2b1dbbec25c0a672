"""Test temporary folders and the removal of old ones."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from infra.scratch import scratch_in


def test_the_folder_and_old_leftovers_are_removed_at_the_end(tmp_path: Path) -> None:
    old, young, other = (tmp_path / name for name in ("jars-12345678", "jars-abcdefgh", "other-12345678"))
    for leftover in (old, young, other):
        leftover.mkdir()
        (leftover / "file").write_text("an incomplete download")
    for leftover in (old, other):
        os.utime(leftover, (time.time() - 7200,) * 2)
    with scratch_in(tmp_path, "jars") as folder:
        assert folder.parent == tmp_path
        (folder / "file").write_text("")
    assert sorted(tmp_path.iterdir()) == [young, other]


def test_another_program_can_remove_leftovers_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leftover = tmp_path / "jars-12345678"
    leftover.mkdir()
    listed = list(tmp_path.glob("jars-*"))
    leftover.rmdir()
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: iter(listed))
    with scratch_in(tmp_path, "jars") as folder:
        assert folder.is_dir()
