"""The data folder and the folders of state in it, which no other user may enter."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from infra.base.umask import make_files_private
from infra.settings import Settings
from schemas.faults import Poison

_PRIVATE = 0o700
_FULL = (errno.ENOSPC, errno.EDQUOT)


def use_data_folder(settings: Settings) -> None:
    """Let this process create private files only, and close an existing data folder to other users.

    Every program that writes to the data folder calls it first. Earlier versions left the folders open.
    """
    make_files_private()
    close_data_folder(settings)


def close_data_folder(settings: Settings) -> None:
    """Close an existing data folder to other users."""
    for folder in (settings.data_dir, *folders_of_state(settings)):
        _close(folder)


def check_data_folder(settings: Settings) -> None:
    """Create the data folder if it is missing. Raises: `Poison` (`settings`) where it cannot be written."""
    problem = data_folder_problem(settings)
    if problem is not None:
        message = f"BACHATA_DATA_DIR is {settings.data_dir}, which cannot be written ({problem}): name another folder"
        raise Poison(message, "settings")


def data_folder_problem(settings: Settings) -> str | None:
    """Return why the data folder cannot be written, or None; it is created if it is missing.

    A full disk gives None: work waits for space, and says so.
    """
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        with tempfile.TemporaryFile(dir=settings.data_dir):
            return None
    except OSError as error:
        return None if error.errno in _FULL else str(error.strerror or error)


def folders_of_state(settings: Settings) -> tuple[Path, ...]:
    """Return the folders of the program's own files in the data folder."""
    return (
        settings.media_dir,
        settings.derived_dir,
        settings.output_dir,
        settings.kafka_dir,
        settings.state_dir,
        settings.run_dir,
        settings.watch_dir,
        settings.embeddings_dir,
        settings.recordings_dir,
    )


def _close(folder: Path) -> None:
    """Remove the permissions of group and others, where the file system has permissions and can be written."""
    if folder == Path(os.path.expanduser("~")):  # noqa: PTH111 - a user without a home has no Path.home()
        return  # whoever has chosen it as the data folder still uses it for other things
    with suppress(OSError):
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_mode & 0o077:
            folder.chmod(_PRIVATE)
