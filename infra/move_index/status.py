"""Report which Qdrant has the moves, and whether it can be used, without changing anything in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from infra.move_index import MoveIndex, QdrantConfig, check_qdrant, edge_folder, open_index_of
from infra.settings import Settings
from schemas.faults import Fault


def index_status(settings: Settings, moves_folder: Path) -> dict[str, Any]:
    """Return `backend`, `reachable`, `version`, `moves`, where they are, and `error`, empty without one.

    `moves_folder`: of the worker whose embedded index is meant; it must not be open.
    """
    index = _index(settings, moves_folder)
    status = {**index.place(), "reachable": False, "moves": None}
    try:
        check_qdrant(settings)
        return status | _described(index) | {"reachable": True, "error": ""}
    except Fault as fault:
        return status | {"error": str(fault)}
    finally:
        index.close()


def _index(settings: Settings, moves_folder: Path) -> MoveIndex:
    server = QdrantConfig.of_settings(settings)
    if server is not None:
        return open_index_of(server)
    from infra.move_index.edge import EdgeMoveIndex

    return EdgeMoveIndex(edge_folder(moves_folder), replaces_unreadable=False)


def _described(index: MoveIndex) -> dict[str, Any]:
    return index.description() | {"moves": index.count() if index.exists() else 0}
