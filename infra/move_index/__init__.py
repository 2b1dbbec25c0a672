"""The move index: moves in, the nearest moves that pass the filters out."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from infra.move_index.base import MoveHit, MoveIndex, MoveIndexCorruptError, MoveIndexError, MoveIndexLockedError
from infra.settings import Settings

__all__ = ["MoveHit", "MoveIndex", "MoveIndexCorruptError", "MoveIndexError", "MoveIndexLockedError", "open_index"]

log = logging.getLogger(__name__)


def open_index(settings: Settings, folder: Path) -> MoveIndex:
    """The index in force: the server named by the settings, else the embedded engine below `folder`.

    An embedded index that cannot be read is removed with all else in `folder`, so that a reader's position kept there
    is lost with it and the index is built again. Raises `MoveIndexLockedError` where another process has it open, and
    `Retryable` where the server does not answer.
    """
    if settings.qdrant_url:
        from infra.move_index.server import QdrantServerMoveIndex

        return QdrantServerMoveIndex(settings.qdrant_url, settings.qdrant_api_key)
    return _open_embedded(folder)


def _open_embedded(folder: Path) -> MoveIndex:
    from infra.move_index.edge import EdgeMoveIndex

    engine = folder / "edge"
    if not engine.is_dir():
        shutil.rmtree(folder, ignore_errors=True)
    try:
        return EdgeMoveIndex(engine)
    except MoveIndexCorruptError as fault:
        log.warning("%s", fault)
        shutil.rmtree(folder)
        return EdgeMoveIndex(engine)
