"""The processes that a test has started."""

from __future__ import annotations

import psutil


def children_with(argument: str) -> list[psutil.Process]:
    """Return the running children of this process with text in their command line, without those that have ended."""
    return [child for child in psutil.Process().children() if argument in _command(child)]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has ended: perhaps a process of another test that nobody has waited for
        return ""
