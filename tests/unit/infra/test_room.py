"""Room on a disk: what is short of it says so, once in the same words."""

from __future__ import annotations

import shutil
from pathlib import Path

from infra.room import Room


def test_a_disk_with_room_lacks_nothing(tmp_path: Path) -> None:
    assert Room([tmp_path], 1).lack() is None


def test_a_disk_without_room_says_where(tmp_path: Path) -> None:
    more_than_there_is = shutil.disk_usage(tmp_path).total + 1
    lack = Room([tmp_path / "output" / "not" / "there" / "yet"], more_than_there_is).lack()
    assert lack is not None
    assert lack.startswith("disk full: less than")
    assert "yet/" in lack
    assert str(tmp_path) not in lack
