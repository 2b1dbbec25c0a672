"""Paths that tests and measurements share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
DEMO = PROJECT / "data" / "demo"
SHARED = Path(os.environ.get("BACHATA_SHARED") or PROJECT.parent / "shared")  # songs and clips outside the project
BACHATA = Path(sys.executable).with_name("bachata")  # the program
