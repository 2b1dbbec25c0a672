"""The folder of an embedded index: whether it can be written, and where it goes when the engine cannot read it."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

from infra.move_index.base import MoveIndexError

log = logging.getLogger(__name__)
_LEAST_FREE_BYTES = 100 << 20  # opening takes up to 62 MB where a file system has no holes, a move 8 kB


def ensure_writable(folder: Path) -> None:
    """Make the folder where it is not there. Raises `MoveIndexError` where it cannot be written or has no room.

    To be asked before every write: the engine writes through memory maps, and where such a write finds no room or may
    not change its file, the kernel ends the whole process (SIGBUS).
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        raise MoveIndexError(f"the folder {folder} cannot be written: {error.strerror or error}") from error
    if free < _LEAST_FREE_BYTES:
        needed = f"{free >> 20} MiB free where the move index {folder} lies, {_LEAST_FREE_BYTES >> 20} MiB are needed"
        raise MoveIndexError(f"disk full: {needed}", reason="disk_full")


def set_aside(folder: Path, why: Exception) -> None:
    """Move the folder to `<name>.unreadable`, in place of an earlier one. Raises `MoveIndexError` where it stays."""
    aside = folder.with_name(f"{folder.name}.unreadable")
    try:
        if aside.exists():
            shutil.rmtree(aside)
        folder.rename(aside)
    except OSError as error:
        raise MoveIndexError(f"the folder {folder} cannot be moved to {aside.name}: {error.strerror}") from error
    log.warning("%s; it is now %s, and a new one is built from the topic", why, aside)
