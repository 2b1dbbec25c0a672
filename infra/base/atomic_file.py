"""Write files atomically, and remove the temporary files of killed processes.

A temporary file is locked while its process lives, so a file that no process has locked is a leftover.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LEFTOVER_PATTERN = ".*.[0-9]*-????????.part"


@contextmanager
def replacing(target: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `target`; rename it to `target` on success, remove it on failure.

    Only the owner can read and write the file. `durable`: flush it to the disk, so that it survives a power cut.
    Any number of processes may do so concurrently: each has its own temporary file, and the last rename wins. The file
    exists, empty, from the start: write into it, do not replace it. Leftovers in the folder are removed.
    """

    def name() -> str:
        return f".{target.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.part"

    with temporary_file(target.parent, name, _LEFTOVER_PATTERN) as (temporary, _):
        yield temporary
        if durable:
            flush_to_disk(temporary)
        temporary.replace(target)
        if durable:
            flush_to_disk(target.parent)


@contextmanager
def temporary_file(
    folder: Path, name: Callable[[], str], leftovers: str, mode: int = 0o600
) -> Iterator[tuple[Path, int]]:
    """Yield a new, empty file in `folder`: its path, and a descriptor that this process has locked.

    The file is removed at the end unless it was renamed. `name` returns a new name at each call; `mode`: the file's
    permissions. Files of the folder that match the pattern `leftovers` and are not locked are removed first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _remove_unlocked(folder, leftovers)
    path, descriptor = _create_locked(folder, name, mode)
    try:
        yield path, descriptor
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


@contextmanager
def unnamed_file(folder: Path, name: Callable[[], str], leftovers: str) -> Iterator[tuple[int, Callable[[], Path]]]:
    """Yield a new, empty file in `folder`: its descriptor, and a function that gives it a name and returns its path.

    Nothing is left of a process that is killed before it gives a name (Linux); on a file system without such files it
    has the name from the start. Otherwise as `temporary_file`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _remove_unlocked(folder, leftovers)
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except (AttributeError, OSError):
        with temporary_file(folder, name, leftovers) as (path, descriptor):
            yield descriptor, lambda: path
        return
    path = folder / name()
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor, lambda: _give_name(descriptor, path)
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _give_name(descriptor: int, path: Path) -> Path:
    """Give a name to a file that has none, and return the path."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:  # the link is followed only where a folder is given as a descriptor
        os.link(f"/proc/self/fd/{descriptor}", path.name, dst_dir_fd=folder)
    finally:
        os.close(folder)
    return path


def remove_files(*paths: Path) -> None:
    """Remove files; files that do not exist are ignored."""
    for path in paths:
        path.unlink(missing_ok=True)


def remove_leftovers(folder: Path, prefix: str) -> None:
    """Remove temporary files whose name begins with `prefix` and whose process has ended."""
    _remove_unlocked(folder, prefix + _LEFTOVER_PATTERN[1:])


def flush_to_disk(path: Path) -> None:
    """Flush a file's content, or a folder's entries, to the disk (fsync)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _create_locked(folder: Path, name: Callable[[], str], mode: int) -> tuple[Path, int]:
    """Create and lock a file; try another name where another process removes it before it is locked."""
    while True:
        path = folder / name()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)


def _remove_unlocked(folder: Path, pattern: str) -> None:
    for path in folder.glob(pattern):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)
