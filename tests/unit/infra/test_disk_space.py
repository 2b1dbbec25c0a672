"""Test the check of free disk space: a shortage names the folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from infra.disk_space import DiskSpace


def test_enough_free_space_is_no_shortage(tmp_path: Path) -> None:
    assert DiskSpace([tmp_path], 1).shortage() is None


def test_a_shortage_names_the_folder(tmp_path: Path) -> None:
    more_than_the_disk_has = shutil.disk_usage(tmp_path).total + 1
    shortage = DiskSpace([tmp_path / "output" / "not" / "there" / "yet"], more_than_the_disk_has).shortage()
    assert shortage is not None
    assert shortage.reason == "disk_full"
    assert str(shortage).startswith("disk full: less than")
    assert "yet/" in str(shortage)
    assert str(tmp_path) not in str(shortage)
