"""Free disk space: a shortage names the folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from infra.disk_space import DiskSpace


def test_a_disk_with_room_lacks_nothing(tmp_path: Path) -> None:
    assert DiskSpace([tmp_path], 1).shortage() is None


def test_a_disk_without_room_says_where(tmp_path: Path) -> None:
    more_than_there_is = shutil.disk_usage(tmp_path).total + 1
    shortage = DiskSpace([tmp_path / "output" / "not" / "there" / "yet"], more_than_there_is).shortage()
    assert shortage is not None
    assert shortage.reason == "disk_full"
    assert str(shortage).startswith("disk full: less than")
    assert "yet/" in str(shortage)
    assert str(tmp_path) not in str(shortage)
