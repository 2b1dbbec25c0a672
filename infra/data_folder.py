"""The data folder and the folders of state in it, which no other user may enter."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from infra.base.umask import make_files_private
from infra.settings import Settings

_PRIVATE = 0o700


def use_data_folder(settings: Settings) -> None:
    """Let this process create private files only, and close an existing data folder to other users.

    Every program that writes to the data folder calls it first. Earlier versions left the folders open.
    """
    make_files_private()
    for folder in (settings.data_dir, *_folders_of_state(settings)):
        _close(folder)


def _folders_of_state(settings: Settings) -> tuple[Path, ...]:
    return (
        settings.media_dir,
        settings.derived_dir,
        settings.output_dir,
        settings.kafka_dir,
        settings.state_dir,
        settings.run_dir,
    )


def _close(folder: Path) -> None:
    """Remove the permissions of group and others, where the file system has permissions and can be written."""
    if folder in {Path(os.path.expanduser("~")), Path("/")}:  # noqa: PTH111 - a user without a home has no Path.home()
        return  # whoever has chosen these as the data folder still uses them for other things
    with suppress(OSError):
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_mode & 0o077:
            folder.chmod(_PRIVATE)
