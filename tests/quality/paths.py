"""Folders with the media that are measured."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
DEMO = PROJECT / "data" / "demo"
SHARED = Path(os.environ.get("BACHATA_SHARED") or PROJECT.parent / "shared")  # songs and clips outside the project
