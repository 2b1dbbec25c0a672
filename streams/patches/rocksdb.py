"""Open a RocksDB folder that can be rebuilt from a topic: an unreadable folder is renamed and replaced.

Upstream: rocksdict 0.3.29, which raises a plain `Exception` for a corrupt folder, again at every start; no issue is
known. Remove this module when a corrupt store has an exception class of its own and Faust rebuilds such a table.
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


def open_or_recreate(folder: Path, open_store: Callable[[], T]) -> T:
    """Return what `open_store` returns, after a corrupt folder is renamed to `NAME.unreadable`. Raises other errors."""
    try:
        return open_store()
    except Exception as error:
        if not str(error).startswith("Corruption"):  # rocksdict has no exception class for it
            raise
        renamed = folder.with_name(f"{folder.name}.unreadable")
        shutil.rmtree(renamed, ignore_errors=True)
        folder.rename(renamed)
        log.warning("%s cannot be read and is now %s; it is rebuilt from its topic: %s", folder, renamed.name, error)
        return open_store()
