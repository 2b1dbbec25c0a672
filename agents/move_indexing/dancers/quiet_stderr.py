"""Discard what native libraries write directly to standard error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR_FD = 2


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard what native code writes to file descriptor 2 within the context; exceptions are raised as usual."""
    saved_fd = os.dup(_STDERR_FD)
    null_fd = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.dup2(null_fd, _STDERR_FD)
        yield
    finally:
        os.dup2(saved_fd, _STDERR_FD)
        os.close(saved_fd)
        os.close(null_fd)
