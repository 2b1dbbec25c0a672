"""A lock for each watched folder: one watcher watches it, and none watches a folder in it or around it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from schemas.faults import Poison, Retryable
from streams.ids import digest
from streams.local.service_files import is_locked

_PATTERN = "*.lock"


@contextmanager
def locked_folders(watch_dir: Path, folders: Sequence[Path]) -> Iterator[None]:
    """Lock the folders until the context ends.

    Raises: `Poison` (`usage`) where one is in another one; `Retryable` (`watched`) where another process watches one.
    """
    for folder in folders:
        for other in folders:
            if folder != other and folder.is_relative_to(other):
                raise Poison(f"{folder} is in {other}, which is watched with all its folders; leave one out", "usage")
    watch_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as locks:
        for folder in dict.fromkeys(folders):
            locks.enter_context(_lock(watch_dir, folder))
        yield


def _lock(watch_dir: Path, folder: Path) -> IO[bytes]:
    own = watch_dir / f"{digest(os.fsencode(folder).hex())}.lock"
    lock = os.fdopen(os.open(own, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise _is_watched(folder, folder) from error
    lock.truncate(0)
    lock.write(os.fsencode(folder))
    lock.flush()
    for file in watch_dir.glob(_PATTERN):
        other = Path(os.fsdecode(file.read_bytes()))
        if file != own and _overlap(folder, other) and is_locked(file):
            lock.close()
            raise _is_watched(folder, other)
    return lock


def _overlap(folder: Path, other: Path) -> bool:
    return folder.is_relative_to(other) or other.is_relative_to(folder)


def _is_watched(folder: Path, other: Path) -> Retryable:
    what = f"{folder} is watched already" if folder == other else f"{folder}: {other} is watched already"
    return Retryable(f"{what}, by another `bachata watch` or `bachata up`: stop that one first", "watched")
