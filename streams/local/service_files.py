"""Leases on a background service: a lease is a shared file lock, which ends with the process that holds it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import sleep, time
from typing import IO, Any, Literal

from infra.base.atomic_file import replacing

_LOCK_ATTEMPTS = 20
_LOCK_RETRY_S = 0.01
_MAX_LOG_BYTES = 4 << 20

Role = Literal["kafka", "worker"]


@dataclass(frozen=True)
class ServiceFiles:
    """The lock, address and log files of one service of a data folder."""

    run_dir: Path
    role: Role

    def lease(self) -> IO[str]:
        """Keep the service running until the returned file is closed. Blocks while the service is shutting down."""
        return self._lock_file("lease", fcntl.LOCK_SH)

    def lease_now(self) -> IO[str] | None:
        """Return a lease, or None while the service is shutting down."""
        return self._try_lock_file("lease", fcntl.LOCK_SH)

    def become_supervisor(self) -> IO[str] | None:
        """Return the lock of the service's only supervisor, or None if another process holds it."""
        for _ in range(_LOCK_ATTEMPTS):  # `has_supervisor` of another process holds the lock briefly
            lock = self._try_lock_file("supervisor", fcntl.LOCK_EX)
            if lock is not None:
                return lock
            sleep(_LOCK_RETRY_S)
        return None

    def has_supervisor(self) -> bool:
        """Return whether a supervisor is running."""
        return is_locked(self._file("supervisor"))

    def close_when_idle(self) -> IO[str] | None:
        """Return the lock that blocks new leases, or None while any lease is held."""
        return self._try_lock_file("lease", fcntl.LOCK_EX)

    def has_users(self) -> bool:
        """Return whether any lease is held; the lock of a supervisor that is shutting down is not a lease."""
        closing = self.close_when_idle()
        if closing is not None:
            closing.close()
            return False
        return not is_locked(self._file("lease"))

    def write(self, address: Mapping[str, Any]) -> None:
        """Write the service's address atomically."""
        with replacing(self._file("json"), durable=False) as temporary:
            temporary.write_text(json.dumps(dict(address)))

    def read(self) -> dict[str, Any] | None:
        """Return the service's address, or None."""
        try:
            address: dict[str, Any] = json.loads(self._file("json").read_text())
        except (OSError, ValueError):
            return None
        return address

    def address_written_at(self) -> float:
        """Return when the service's address was written, in seconds since 1970, or now if it has none."""
        try:
            return self._file("json").stat().st_mtime
        except OSError:
            return time()

    def clear(self) -> None:
        """Remove the service's address."""
        self._file("json").unlink(missing_ok=True)

    @property
    def log(self) -> Path:
        """Return the log file of the supervisor and the service."""
        return self._file("log")

    def bound_log(self) -> None:
        """Move a log of more than 4 MiB to `<role>.log.1`, which is replaced.

        It is copied and emptied: the service has it open, and appends to it.
        """
        if not self.log.exists() or self.log.stat().st_size <= _MAX_LOG_BYTES:
            return
        with self.log.open("r+b") as log:
            with suppress(OSError), replacing(self._file("log.1"), durable=False) as older:  # a full disk: only emptied
                log.seek(-_MAX_LOG_BYTES, os.SEEK_END)
                older.write_bytes(log.read(_MAX_LOG_BYTES))
            log.truncate(0)

    @property
    def pinned(self) -> Path:
        """Return the file that keeps the service running without leases while it exists."""
        return self._file("pinned")

    def _file(self, ending: str) -> Path:
        self.run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self.run_dir / f"{self.role}.{ending}"

    def _lock_file(self, ending: str, kind: int) -> IO[str]:
        file = _open(self._file(ending))
        fcntl.flock(file, kind)
        return file

    def _try_lock_file(self, ending: str, kind: int) -> IO[str] | None:
        return _try_lock(self._file(ending), kind)


def is_locked(file: Path) -> bool:
    """Return whether a process holds an exclusive lock on the file."""
    lock = _try_lock(file, fcntl.LOCK_SH)
    if lock is not None:
        lock.close()
    return lock is None


def _try_lock(path: Path, kind: int) -> IO[str] | None:
    file = _open(path)
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _open(lock: Path) -> IO[str]:
    """Open a lock file, also in a program that does not create private files by its umask."""
    return os.fdopen(os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
