"""Opening a RocksDB folder that a topic can rebuild: one that cannot be read is set aside, not met again for ever."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)


def open_or_anew(folder: Path, open_it: Callable[[], T]) -> T:
    """What `open_it` gives; where the folder is corrupt, that of an empty one. Raises whatever else it raises."""
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
