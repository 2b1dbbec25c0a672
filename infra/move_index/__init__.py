"""The move index: vector search over moves, with filters."""

from __future__ import annotations

import hashlib
from pathlib import Path

from infra.move_index.base import MoveHit, MoveIndex
from infra.move_index.config import QdrantConfig
from infra.move_index.errors import MoveIndexError, MoveIndexLockedError
from infra.settings import QDRANT_COLLECTION, Settings

__all__ = [
    "MoveHit",
    "MoveIndex",
    "MoveIndexError",
    "MoveIndexLockedError",
    "QdrantConfig",
    "check_qdrant",
    "edge_folder",
    "open_index",
    "open_index_of",
    "sink_folder",
]


def open_index(settings: Settings, folder: Path) -> MoveIndex:
    """Return the configured index: the server that the settings name, else the embedded engine below `folder`.

    It is opened on first use, so that an unreachable server does not prevent the start. Raises: `Poison` (`settings`)
    for an invalid address.
    """
    return open_index_of(QdrantConfig.of_settings(settings) or QdrantConfig(folder=edge_folder(folder)))


def open_index_of(config: QdrantConfig) -> MoveIndex:
    """Return the index of a config, which is opened on first use. Raises: `Poison` (`settings`)."""
    if config.folder is None:
        from infra.move_index.server import QdrantServerMoveIndex

        return QdrantServerMoveIndex(config)
    from infra.move_index.edge import EdgeMoveIndex

    return EdgeMoveIndex(config.folder)


def edge_folder(folder: Path) -> Path:
    """Return the folder of the embedded engine in a worker's folder of moves."""
    return folder / "edge"


def check_qdrant(settings: Settings) -> None:
    """Return when the Qdrant server of the settings, if there is one, answers. Raises: `Retryable`, `Poison`."""
    if config := QdrantConfig.of_settings(settings):
        from infra.move_index.check import check_qdrant_server

        check_qdrant_server(config)


def sink_folder(settings: Settings) -> str:
    """Return the name of the folder, beside the index, of what is stored about the configured index; no other's."""
    if not settings.qdrant_url:
        return "library-embedded"
    name = settings.qdrant_collection
    server = settings.qdrant_url if name == QDRANT_COLLECTION else f"{settings.qdrant_url} {name}"
    return f"library-{hashlib.sha256(server.encode()).hexdigest()[:8]}"
