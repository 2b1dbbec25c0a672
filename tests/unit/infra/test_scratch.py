"""Temporary folders beside what they are for."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from infra.scratch import scratch_in


def test_it_is_gone_afterwards_with_what_killed_programs_left(tmp_path: Path) -> None:
    old, young, other = (tmp_path / name for name in ("jars-12345678", "jars-abcdefgh", "other-12345678"))
    for left in (old, young, other):
        left.mkdir()
        (left / "half").write_text("half a download")
    for left in (old, other):
        os.utime(left, (time.time() - 7200,) * 2)
    with scratch_in(tmp_path, "jars") as folder:
        assert folder.parent == tmp_path
        (folder / "file").write_text("")
    assert sorted(tmp_path.iterdir()) == [young, other]


def test_another_program_may_clear_up_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tmp_path / "jars-12345678"
    left.mkdir()
    found = list(tmp_path.glob("jars-*"))
    left.rmdir()
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: iter(found))
    with scratch_in(tmp_path, "jars") as folder:
        assert folder.is_dir()
