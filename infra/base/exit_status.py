"""The exit status of a program that a signal has ended."""

from __future__ import annotations


def status_after(signal_number: int) -> int:
    """Return the status that shells report after a signal."""
    return 128 + signal_number
