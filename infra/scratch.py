"""Temporary folders for downloads, on the same disk as their target."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_STALE_AFTER_S = 3600.0


@contextmanager
def scratch_in(folder: Path, name: str) -> Iterator[Path]:
    """Yield a temporary folder in `folder`; it is removed at the end, and so are leftovers older than an hour.

    It is on the same file system as `folder`, so that a rename installs a complete download. Raises: `OSError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _clear_stale(folder, name)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=folder) as fresh:
        yield Path(fresh)


def _clear_stale(folder: Path, name: str) -> None:
    for leftover in folder.glob(f"{name}-????????"):
        with suppress(FileNotFoundError):  # another program may remove it at the same time
            if time.time() - leftover.stat().st_mtime > _STALE_AFTER_S:
                shutil.rmtree(leftover, ignore_errors=True)
