"""Where downloads are put together: the folder they are for goes in, a temporary one on the same disk comes out."""

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
    """A temporary folder in `folder`, gone afterwards; those that killed programs left there an hour ago go too.

    On the same file system as `folder`, so that a rename puts what is whole in place. Raises `OSError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _clear_stale(folder, name)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=folder) as fresh:
        yield Path(fresh)


def _clear_stale(folder: Path, name: str) -> None:
    for left in folder.glob(f"{name}-????????"):
        with suppress(FileNotFoundError):  # another program may be clearing up, too
            if time.time() - left.stat().st_mtime > _STALE_AFTER_S:
                shutil.rmtree(left, ignore_errors=True)
