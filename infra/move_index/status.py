"""Say which Qdrant has the moves, and whether it can be used, without creating anything in it."""

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
    config = QdrantConfig.of_settings(settings) or QdrantConfig(folder=edge_folder(moves_folder))
    index = open_index_of(config)
    status = {**index.place(), "reachable": False, "moves": None}
    if config.folder is not None and not config.folder.exists():
        return status | {"reachable": True, "moves": 0, "error": ""}
    try:
        check_qdrant(settings)
        return status | _described(index) | {"reachable": True, "error": ""}
    except Fault as fault:
        return status | {"error": str(fault)}
    finally:
        index.close()


def _described(index: MoveIndex) -> dict[str, Any]:
    return index.description() | {"moves": index.count() if index.exists() else 0}
