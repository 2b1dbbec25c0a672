"""An unreadable store is replaced by an empty one; a locked store is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from rocksdict import Options, Rdict

from streams.patches.rocksdb import open_or_recreate


def _open(folder: Path) -> Rdict:
    return open_or_recreate(folder, lambda: Rdict(str(folder), Options(raw_mode=True)))


def _filled(folder: Path) -> Path:
    store = _open(folder)
    store[b"key"] = b"value"
    store.close()
    return folder


def test_a_valid_store_is_opened(tmp_path: Path) -> None:
    assert _open(_filled(tmp_path / "db"))[b"key"] == b"value"


@pytest.mark.parametrize("name", ["CURRENT", "MANIFEST-*", "*.sst"])
def test_a_corrupt_store_is_renamed_and_replaced(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    folder = _filled(tmp_path / "db")
    for file in folder.glob(name):
        file.write_bytes(b"garbage")
    store = _open(folder)
    assert store.get(b"key") is None
    assert (tmp_path / "db.unreadable").is_dir()
    assert "rebuilt from its topic" in caplog.text
    store[b"key"] = b"new"


def test_a_locked_store_is_not_replaced(tmp_path: Path) -> None:
    folder = _filled(tmp_path / "db")
    holder = _open(folder)
    with pytest.raises(Exception, match="lock"):
        _open(folder)
    assert holder[b"key"] == b"value"
