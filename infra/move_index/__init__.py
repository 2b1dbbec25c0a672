"""The move index: vector search over moves, with filters."""

from __future__ import annotations

import hashlib
from pathlib import Path

from infra.move_index.base import MoveHit, MoveIndex, MoveIndexError, MoveIndexLockedError
from infra.settings import Settings

__all__ = ["MoveHit", "MoveIndex", "MoveIndexError", "MoveIndexLockedError", "backend_id", "check_qdrant", "open_index"]


def open_index(settings: Settings, folder: Path) -> MoveIndex:
    """Return the configured index: the server that the settings name, else the embedded engine below `folder`.

    It is opened on first use, so that an unreachable server does not prevent the start. Raises: `Poison` (`settings`)
    for an invalid address.
    """
    if settings.qdrant_url:
        from infra.move_index.server import QdrantServerMoveIndex

        secret = settings.qdrant_api_key
        return QdrantServerMoveIndex(settings.qdrant_url, secret.get_secret_value() if secret else None)
    from infra.move_index.edge import EdgeMoveIndex

    return EdgeMoveIndex(folder / "edge")


def check_qdrant(settings: Settings) -> None:
    """Return when the Qdrant server of the settings, if there is one, answers. Raises: `Retryable`."""
    if settings.qdrant_url:
        from infra.move_index.check import check_qdrant_server

        check_qdrant_server(settings, settings.qdrant_url)


def backend_id(settings: Settings) -> str:
    """Return a name for the configured index; positions stored for one index do not hold for another."""
    return hashlib.sha256(settings.qdrant_url.encode()).hexdigest()[:8] if settings.qdrant_url else "embedded"
