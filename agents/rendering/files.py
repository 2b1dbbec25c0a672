"""Files that are whole or not there: a target in, a temporary file lent, an atomic rename at the end.

A temporary file is locked for as long as its process lives, so those that killed ones left are known and swept.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from schemas.faults import Retryable

_TEMPORARIES = ".*.[0-9]*-????????.part"


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A temporary path beside `target`; flushed to disk and renamed to it on success, removed on failure.

    Any number of processes may do so at once: each has its own temporary file, and the last rename stays.
    It is there, empty, from the start: write into it, don't put another in its place. What killed processes left
    in the folder is removed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target.parent)
    temporary, lock = _create_locked(target)
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(target)
        _flush(target.parent)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(lock)


def discarded(*damaged: Path) -> Retryable:
    """Remove cached files that are damaged, and say so: the next try makes them again."""
    for path in damaged:
        path.unlink(missing_ok=True)
    return Retryable("a cached file was damaged and is made again", reason="cache_damaged")


def sha256_of(path: Path) -> str:
    """The file's SHA-256, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _create_locked(target: Path) -> tuple[Path, int]:
    """A new file that this process holds locked. Between creation and lock a sweep may take it: then another."""
    while True:
        name = target.with_name(f".{target.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.part")
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:
            return name, lock
        os.close(lock)


def _sweep(folder: Path) -> None:
    """Remove the temporary files that nobody holds locked."""
    for left in folder.glob(_TEMPORARIES):
        with suppress(OSError):
            handle = os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink()
            finally:
                os.close(handle)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
