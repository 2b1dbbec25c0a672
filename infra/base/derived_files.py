"""Remove files that can be made again, those used longest ago first, and never one in use.

cache/audio/… cache/dancers/… cache/mezzanines/…    the files; their modification time is that of their last use
cache/users/…                                       a file of each process that works, locked by it, made when it began
cache/lock                                          held alone while files are removed, shared while a use is noted

A file is in use if a process that still works began before the file's last use.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from infra.base.atomic_file import remove_files, temporary_file

KINDS = ("audio", "dancers", "mezzanines")
_USERS = "users"


@contextmanager
def using_files(cache_dir: Path) -> Iterator[None]:
    """Let no file that this process uses from now on be removed while the context lasts."""
    with temporary_file(cache_dir / _USERS, lambda: uuid.uuid4().hex, leftovers="*"):
        yield


def note_use(cache_dir: Path, file: Path) -> bool:
    """Note that a file is used now; return whether it is there. Files that are being removed are gone afterwards."""
    with _locked(cache_dir, fcntl.LOCK_SH), suppress(FileNotFoundError):
        os.utime(file)
        return True
    return False


def remove_unused(cache_dir: Path, max_bytes: int, pattern: str = "*") -> int:
    """Remove files that are not in use until at most `max_bytes` are left; return how many bytes were removed.

    `pattern`: of the names of the files that are counted and removed.
    """
    removed = 0
    with _locked(cache_dir, fcntl.LOCK_EX):
        entries = sorted(_entries(cache_dir, pattern), key=lambda entry: entry.used_ns)
        size, in_use_since = sum(entry.size for entry in entries), _oldest_start(cache_dir)
        for entry in entries:
            if size - removed <= max_bytes or entry.used_ns >= in_use_since:
                break
            remove_files(*entry.files)
            removed += entry.size
    return removed


def sizes(cache_dir: Path) -> dict[str, int]:
    """Return the bytes of all files of each kind."""
    return {kind: sum(status.st_size for _, status in _files(cache_dir, kind, "*")) for kind in KINDS}


@dataclass
class _Entry:
    """A file and those that describe it, which have the same stem; `used_ns`: its last use."""

    files: list[Path] = field(default_factory=list)
    size: int = 0
    used_ns: int = 0


def _entries(cache_dir: Path, pattern: str) -> list[_Entry]:
    entries: dict[Path, _Entry] = {}
    for kind in KINDS:
        for file, status in _files(cache_dir, kind, pattern):
            entry = entries.setdefault(file.with_suffix(""), _Entry())
            entry.files.append(file)
            entry.size += status.st_size
            entry.used_ns = max(entry.used_ns, status.st_mtime_ns)
    return list(entries.values())


def _files(cache_dir: Path, kind: str, pattern: str) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the complete files of a kind: those that are being written have names that begin with a dot."""
    for file in (cache_dir / kind).rglob(pattern):
        with suppress(FileNotFoundError):
            if not file.name.startswith(".") and file.is_file():
                yield file, file.stat()


def _oldest_start(cache_dir: Path) -> float:
    """Return when the first of the processes that work began, ns; infinity where none works."""
    starts = [file.stat().st_mtime_ns for file in (cache_dir / _USERS).glob("*") if _is_locked(file)]
    return min(starts, default=float("inf"))


def _is_locked(file: Path) -> bool:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def _locked(cache_dir: Path, kind: int) -> Iterator[None]:
    cache_dir.mkdir(parents=True, exist_ok=True)
    lock = os.open(cache_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, kind)
        yield
    finally:
        os.close(lock)
