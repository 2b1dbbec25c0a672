"""Temporary folders for downloads, on the same disk as their target."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_STALE_AFTER_S = 3600.0


@contextmanager
def scratch_in(folder: Path, name: str) -> Iterator[Path]:
    """Yield a temporary folder in `folder`; remove it at the end.

    Folders that killed programs left there more than an hour ago are removed first. The new folder is on the same file
    system as `folder`, so that a rename installs a complete download. Raises: `OSError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=folder) as fresh:
        _clear_stale(folder, name, now=Path(fresh).stat().st_mtime)
        yield Path(fresh)


def _clear_stale(folder: Path, name: str, now: float) -> None:
    """Remove old folders. `now` is by the clock of the file system, which is another machine's where it is shared."""
    for leftover in folder.glob(f"{name}-????????"):
        with suppress(FileNotFoundError):  # another program may remove it at the same time
            if now - leftover.stat().st_mtime > _STALE_AFTER_S:
                shutil.rmtree(leftover, ignore_errors=True)
