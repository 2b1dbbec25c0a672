"""Native libraries that write to standard error by themselves, kept quiet for a moment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """What native code writes to file descriptor 2 meanwhile is dropped; Python's errors are raised as ever."""
    kept = os.dup(_STDERR)
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.dup2(nowhere, _STDERR)
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)
        os.close(nowhere)
