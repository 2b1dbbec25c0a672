"""Free space of the disks that the programs write to, so that work pauses before a disk is full."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from schemas.faults import Unavailable

_CHECK_INTERVAL_S = 0.5


class DiskSpace:
    """Monitors the free space of the disks with `folders`; checks at most twice per second."""

    def __init__(self, folders: Sequence[Path], min_free_bytes: int) -> None:
        self._folders = folders
        self._min_free_bytes = min_free_bytes
        self._checked_at = float("-inf")
        self._shortage: Unavailable | None = None

    def shortage(self) -> Unavailable | None:
        """Return the fault of a disk with too little free space, or None."""
        if monotonic() - self._checked_at >= _CHECK_INTERVAL_S:
            self._shortage = next((fault for folder in self._folders if (fault := self._shortage_of(folder))), None)
            self._checked_at = monotonic()
        return self._shortage

    def _shortage_of(self, folder: Path) -> Unavailable | None:
        if shutil.disk_usage(_existing_parent(folder)).free >= self._min_free_bytes:
            return None
        message = f"disk full: less than {self._min_free_bytes >> 20} MiB are free on the disk of {folder.name}/"
        return Unavailable(message, "disk_full")


def _existing_parent(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
