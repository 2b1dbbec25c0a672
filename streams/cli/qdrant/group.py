"""The group of commands `qdrant`."""

from __future__ import annotations

import click


@click.group()
def qdrant() -> None:
    """Start, stop, fill, rebuild and measure the vector index of moves, or show its state.

    Without BACHATA_QDRANT_URL, Qdrant's engine runs inside the worker, and nothing has to be started.
    """
