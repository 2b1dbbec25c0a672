"""The move index: vector search over moves, with filters."""

from __future__ import annotations

import hashlib
from pathlib import Path

from infra.move_index.base import MoveHit, MoveIndex, MoveIndexError, MoveIndexLockedError
from infra.settings import Settings

__all__ = [
    "MoveHit",
    "MoveIndex",
    "MoveIndexError",
    "MoveIndexLockedError",
    "check_qdrant",
    "open_index",
    "sink_folder",
]


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


def sink_folder(settings: Settings) -> str:
    """Return the name of the folder, beside the index, of what is stored about the configured index; no other's."""
    backend = hashlib.sha256(settings.qdrant_url.encode()).hexdigest()[:8] if settings.qdrant_url else "embedded"
    return f"library-{backend}"
