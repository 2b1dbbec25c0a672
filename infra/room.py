"""Room on the disks: folders go in; what they lack comes out, so that work pauses before a disk is full."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

_LOOK_EVERY_S = 0.5


class Room:
    """Watches the free space of the disks that `folders` lie on. Looks at most twice a second."""

    def __init__(self, folders: Sequence[Path], least_bytes: int) -> None:
        self._folders = folders
        self._least = least_bytes
        self._looked = float("-inf")
        self._lack: str | None = None

    def lack(self) -> str | None:
        """What is missing, in one line, or None."""
        if monotonic() - self._looked >= _LOOK_EVERY_S:
            self._lack = next((lack for folder in self._folders if (lack := self._lack_of(folder))), None)
            self._looked = monotonic()
        return self._lack

    def _lack_of(self, folder: Path) -> str | None:
        if shutil.disk_usage(_existing(folder)).free >= self._least:
            return None
        return f"disk full: less than {self._least >> 20} MiB are free where {folder.name}/ lies"


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())
