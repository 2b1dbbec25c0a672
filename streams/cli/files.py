"""Files named on the command line: into the media store, to travel by their content."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from infra.media_store import MediaStore
from infra.settings import Settings
from schemas.base import MediaRef
from schemas.faults import Poison


def take(settings: Settings, file: Path, kind: Literal["audio", "video"]) -> MediaRef:
    """Copy a file into the store; links are followed. Raises `Poison` that names the file."""
    try:
        return MediaStore(settings.media_dir).add(file.resolve(), kind)
    except Poison as fault:
        raise Poison(f"{file}: {fault}", fault.reason) from fault
