"""The move index: moves in, the nearest moves that pass the filters out."""

from __future__ import annotations

from pathlib import Path

from infra.move_index.base import MoveHit, MoveIndex, MoveIndexError, MoveIndexLockedError
from infra.settings import Settings

__all__ = ["MoveHit", "MoveIndex", "MoveIndexError", "MoveIndexLockedError", "open_index"]


def open_index(settings: Settings, folder: Path) -> MoveIndex:
    """The index in force: the server named by the settings, else the embedded engine below `folder`.

    Neither is asked for anything yet, so a server that is away keeps nobody from starting. Raises `Poison` for an
    address that is none.
    """
    if settings.qdrant_url:
        from infra.move_index.server import QdrantServerMoveIndex

        return QdrantServerMoveIndex(settings.qdrant_url, settings.qdrant_api_key)
    from infra.move_index.edge import EdgeMoveIndex

    return EdgeMoveIndex(folder / "edge")
