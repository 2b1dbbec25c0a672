"""Ensure one broker per folder with a lock that the broker's process inherits, so it survives a killed parent."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from schemas.faults import Retryable

_FILE = "lock"
_WAIT_S = 2.0  # a broker whose parent was just killed needs some ms to end
_POLL_S = 0.02


class FolderLock:
    """The lock of a folder; a process that inherits `fd` holds it too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        """Return whether this object holds the lock."""
        return self._fd is not None

    @property
    def fd(self) -> int:
        """Return the descriptor of the open lock file. Raises: `RuntimeError` without the lock."""
        if self._fd is None:
            raise RuntimeError("the lock is not held")
        return self._fd

    def acquire(self) -> None:
        """Acquire the lock. Raises: `Retryable` (`kafka_running`) where another broker holds it after 2 s."""
        if self._fd is not None:
            return
        fd = os.open(self.folder / _FILE, os.O_RDWR | os.O_CREAT, 0o600)
        if not _locked_within(fd, _WAIT_S):
            os.close(fd)
            raise Retryable(
                f"a Kafka is already running on {self.folder}: use it, or stop it with `bachata kafka stop`",
                "kafka_running",
            )
        self._fd = fd

    def release(self) -> None:
        """Release the lock, also for processes that inherited it."""
        if self._fd is None:
            return
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        os.close(self._fd)
        self._fd = None


def _locked_within(fd: int, wait_s: float) -> bool:
    deadline = time.monotonic() + wait_s
    while not _try_lock(fd, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _try_lock(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
