"""Who needs a service that runs in the background: a lease is a shared file lock, gone when its holder dies."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import IO, Any, Literal

_TRIES = 20
_BETWEEN_TRIES_S = 0.01

Role = Literal["kafka", "worker"]


@dataclass(frozen=True)
class ServiceFiles:
    """The files by which the processes of one data folder find each other."""

    run_dir: Path
    role: Role

    def lease(self) -> IO[str]:
        """Hold the service open until the returned file is closed. Waits while the service is shutting down."""
        return self._locked("lease", fcntl.LOCK_SH)

    def become_supervisor(self) -> IO[str] | None:
        """Become the service's one keeper, or None where there is one."""
        for _ in range(_TRIES):  # who asks whether there is a keeper holds the lock for a moment
            lock = self._try("keeper", fcntl.LOCK_EX)
            if lock is not None:
                return lock
            sleep(_BETWEEN_TRIES_S)
        return None

    def has_supervisor(self) -> bool:
        """Whether a keeper is alive."""
        return is_locked(self._file("keeper"))

    def close_when_idle(self) -> IO[str] | None:
        """The lock that keeps new leases waiting, or None while someone holds a lease."""
        return self._try("lease", fcntl.LOCK_EX)

    def has_users(self) -> bool:
        """Whether someone holds a lease; a keeper that is shutting down holds none."""
        closing = self.close_when_idle()
        if closing is not None:
            closing.close()
            return False
        return not is_locked(self._file("lease"))

    def write(self, address: Mapping[str, Any]) -> None:
        """Say where the service is."""
        temporary = self._file("new")
        temporary.write_text(json.dumps(dict(address)))
        os.replace(temporary, self._file("json"))  # noqa: PTH105

    def read(self) -> dict[str, Any] | None:
        """Where the service is, or None."""
        try:
            address: dict[str, Any] = json.loads(self._file("json").read_text())
        except (OSError, ValueError):
            return None
        return address

    def clear(self) -> None:
        """The service is nowhere now."""
        self._file("json").unlink(missing_ok=True)

    @property
    def log(self) -> Path:
        """The keeper's and the service's log."""
        return self._file("log")

    @property
    def pinned(self) -> Path:
        """While this file exists the service stays though nobody holds a lease."""
        return self._file("stays")

    def _file(self, ending: str) -> Path:
        self.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self.run_dir / f"{self.role}.{ending}"

    def _locked(self, ending: str, kind: int) -> IO[str]:
        file = self._file(ending).open("a+")
        fcntl.flock(file, kind)
        return file

    def _try(self, ending: str, kind: int) -> IO[str] | None:
        return _try_lock(self._file(ending), kind)


def is_locked(file: Path) -> bool:
    """Whether a process holds the file's lock for itself."""
    lock = _try_lock(file, fcntl.LOCK_SH)
    if lock is not None:
        lock.close()
    return lock is None


def _try_lock(path: Path, kind: int) -> IO[str] | None:
    file = path.open("a+")
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
