"""`qdrant`: start, stop, fill, rebuild and measure the vector index of moves, or show its state."""

from __future__ import annotations

from streams.cli.qdrant import measure, migrate, rebuild, services, status
from streams.cli.qdrant.group import qdrant

__all__ = ["measure", "migrate", "qdrant", "rebuild", "services", "status"]
