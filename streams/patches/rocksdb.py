"""Opening a RocksDB folder that a topic can rebuild: a folder that cannot be read is set aside.

Upstream: rocksdict 0.3.29, which raises a plain `Exception` for a corrupt folder, again at every start; no issue is
known. This can go when a corrupt store can be told by its error's class and Faust builds such a table again itself.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)
UPSTREAM = ("rocksdict", "0.3.29")


def open_or_recreate(folder: Path, open_it: Callable[[], T]) -> T:
    """Return what `open_it` gives, with an empty folder where this one is corrupt. Raises its other errors."""
    try:
        return open_it()
    except Exception as error:
        if not str(error).startswith("Corruption"):  # rocksdict has no class for it
            raise
        aside = folder.with_name(f"{folder.name}.unreadable")
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
        log.warning("%s cannot be read and is now %s; it is built again from its topic: %s", folder, aside.name, error)
        return open_it()
