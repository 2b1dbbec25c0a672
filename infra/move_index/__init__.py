"""The move index: moves in, the nearest moves that pass the filters out."""

from __future__ import annotations

import hashlib
from pathlib import Path

from infra.move_index.base import MoveHit, MoveIndex, MoveIndexError, MoveIndexLockedError
from infra.settings import Settings

__all__ = ["MoveHit", "MoveIndex", "MoveIndexError", "MoveIndexLockedError", "backend_id", "open_index"]


def open_index(settings: Settings, folder: Path) -> MoveIndex:
    """The index in force: the server named by the settings, else the embedded engine below `folder`.

    Neither is asked for anything yet, so a server that is away keeps nobody from starting. Raises `Poison` for an
    address that is none.
    """
    if settings.qdrant_url:
        from infra.move_index.server import QdrantServerMoveIndex

        secret = settings.qdrant_api_key
        return QdrantServerMoveIndex(settings.qdrant_url, secret.get_secret_value() if secret else None)
    from infra.move_index.edge import EdgeMoveIndex

    return EdgeMoveIndex(folder / "edge")


def backend_id(settings: Settings) -> str:
    """Return a name for the index in force: notes on one index are of no use for another."""
    return hashlib.sha256(settings.qdrant_url.encode()).hexdigest()[:8] if settings.qdrant_url else "embedded"
