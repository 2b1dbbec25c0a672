"""Which permissions new files get: those of the data folder are its owner's only, those for a user follow his umask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

PRIVATE = 0o077
_user_umask: int | None = None


def make_files_private() -> None:
    """From now on, let this process and its children create files and folders that only their owner can use."""
    global _user_umask  # noqa: PLW0603 - a process has one umask
    found = os.umask(PRIVATE)
    if _user_umask is None:
        _user_umask = found


@contextmanager
def user_umask() -> Iterator[None]:
    """Create files with the umask that the user has chosen, while the context lasts."""
    if _user_umask is None:
        yield
        return
    os.umask(_user_umask)
    try:
        yield
    finally:
        os.umask(PRIVATE)
