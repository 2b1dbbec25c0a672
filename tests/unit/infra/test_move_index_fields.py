"""A collection that an earlier version made gets the indexes of the fields that filters compare."""

from __future__ import annotations

from pathlib import Path

import pytest
from qdrant_client import models

from infra.move_index.server import QdrantServerMoveIndex
from tests.chaos.faulty_qdrant_server import FaultyQdrantServer
from tests.unit.infra.moves import MOVES, fill

_TYPES = {
    "clip_sha256": "keyword",
    "difficulty": "keyword",
    "energy": "keyword",
    "category": "keyword",
    "role": "keyword",
    "style": "keyword",
    "tempo_bpm": "float",
    "duration_s": "float",
}


def _types_of_server(index: QdrantServerMoveIndex) -> dict[str, str]:
    index.count()
    found = index._client.get_collection(index._name).payload_schema.items()
    return {field: info.data_type.value for field, info in found}


def test_a_collection_without_indexes_or_with_another_type_gets_them(tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path) as server:
        server.add_plain_collection("bachata_moves")
        index = QdrantServerMoveIndex(server.url)
        index._client.create_payload_index("bachata_moves", "tempo_bpm", field_schema=models.PayloadSchemaType.KEYWORD)
        fill(index, MOVES)
        assert _types_of_server(index).items() >= _TYPES.items()
        assert len(index.search(tempo_bpm=(103.0, 105.0))) == 3
        index.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_new_collection_of_a_real_server_has_no_graph(real_index: QdrantServerMoveIndex) -> None:
    real_index.count()
    assert real_index._client.get_collection(real_index._name).config.hnsw_config.m == 0
