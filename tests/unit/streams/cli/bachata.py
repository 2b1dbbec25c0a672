"""Run `bachata` as a program."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.paths import BACHATA


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, for at most 60 s."""
    return subprocess.run([BACHATA, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
