"""Run `bachata` as a program."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.commands import run_bachata


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, for at most 60 s."""
    return run_bachata(*arguments)
