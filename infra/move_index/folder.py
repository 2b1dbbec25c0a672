"""The folder of an embedded index: check that it is writable, and move it aside if the engine cannot read it."""

from __future__ import annotations

import logging
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from infra.move_index.errors import MoveIndexError

log = logging.getLogger(__name__)
_MIN_FREE_BYTES = 100 << 20  # opening takes up to 62 MB on a file system without sparse files, a move 8 kB


def ensure_writable(folder: Path) -> None:
    """Create the folder if needed. Raises: `MoveIndexError` where it cannot be written or its disk is full.

    Must be called before every write: the engine writes through memory maps, and if such a write finds no space or is
    not permitted, the kernel ends the whole process (SIGBUS).
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        raise MoveIndexError(f"the folder {folder} cannot be written: {error.strerror or error}") from error
    if free < _MIN_FREE_BYTES:
        shortage = f"{free >> 20} MiB are free on the disk of the move index {folder}, {_MIN_FREE_BYTES >> 20} needed"
        raise MoveIndexError(f"disk full: {shortage}", reason="disk_full")


def move_aside(folder: Path, why: Exception) -> None:
    """Move the folder to `<name>.unreadable`, replacing an earlier one. Raises: `MoveIndexError` where it fails."""
    aside = folder.with_name(f"{folder.name}.unreadable")
    try:
        if aside.exists():
            shutil.rmtree(aside)
        folder.rename(aside)
    except OSError as error:
        raise MoveIndexError(f"the folder {folder} cannot be moved to {aside.name}: {error.strerror}") from error
    log.warning("%s; it is now %s, and a new one is built from the topic", why, aside)


def put_in_place(built: Path, folder: Path) -> None:
    """Put a built folder in the place of another one, which is removed. Raises: `MoveIndexError` where it fails.

    Killed between its two steps, it leaves no folder: `restore` brings the old one back.
    """
    old = _old(folder)
    try:
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        built.rename(folder)
    except OSError as error:
        raise MoveIndexError(f"the folder {folder} cannot be replaced: {error.strerror or error}") from error
    shutil.rmtree(old, ignore_errors=True)


def replacement_of(folder: Path) -> Path:
    """Return the folder in which the replacement of a folder is built."""
    return folder.with_name(f"{folder.name}.new")


def remove_left_over(folder: Path) -> None:
    """Remove what a killed process left of a replacement of this folder; not what `restore` brings back."""
    shutil.rmtree(replacement_of(folder), ignore_errors=True)
    if folder.exists():
        shutil.rmtree(_old(folder), ignore_errors=True)


def restore(folder: Path) -> None:
    """Bring back the folder that `put_in_place` was replacing when its process was killed."""
    if not folder.exists() and _old(folder).is_dir():
        with suppress(OSError):  # the index is then built again
            _old(folder).rename(folder)


def size_of(folder: Path) -> int:
    """Return the bytes on the disk of all files in a folder; its engine reserves more in sparse files."""
    total = 0
    for file in folder.rglob("*"):
        with suppress(OSError):  # the engine has removed it
            total += file.stat().st_blocks * 512
    return total


def _old(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.old")
