"""Files named on the command line: into the media store, to travel by their content."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from infra.media_store import MediaStore
from infra.settings import Settings
from schemas.base import MediaRef
from schemas.faults import Poison


def take(settings: Settings, file: Path, kind: Literal["audio", "video"]) -> MediaRef:
    """Copy a file into the store; links are followed. Raises `Poison` that names the file."""
    try:
        return MediaStore(settings.media_dir).add(Path(os.path.realpath(file)), kind)
    except Poison as fault:
        raise Poison(f"{file}: {fault}", fault.reason) from fault


def title_of(file: Path) -> str:
    """What a file is called: its stem, of printable characters, at most 200."""
    return "".join(c for c in file.stem if c.isprintable())[:200].strip() or "untitled"
