"""Free space of the disks that the programs write to, so that work pauses before a disk is full."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from schemas.faults import Unavailable

_LOOK_EVERY_S = 0.5


class DiskSpace:
    """Watches the free space of the disks that `folders` lie on. Looks at most twice a second."""

    def __init__(self, folders: Sequence[Path], min_free_bytes: int) -> None:
        self._folders = folders
        self._min_free_bytes = min_free_bytes
        self._looked = float("-inf")
        self._shortage: Unavailable | None = None

    def shortage(self) -> Unavailable | None:
        """Return what is missing, or None."""
        if monotonic() - self._looked >= _LOOK_EVERY_S:
            self._shortage = next((found for folder in self._folders if (found := self._shortage_of(folder))), None)
            self._looked = monotonic()
        return self._shortage

    def _shortage_of(self, folder: Path) -> Unavailable | None:
        if shutil.disk_usage(_existing(folder)).free >= self._min_free_bytes:
            return None
        message = f"disk full: less than {self._min_free_bytes >> 20} MiB are free where {folder.name}/ lies"
        return Unavailable(message, "disk_full")


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())
