"""The move index on a real Qdrant server, that of BACHATA_TEST_QDRANT_URL or a container: what only a server can show.

The contract that both backends keep is in tests/unit/infra: its tests run on this server, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from qdrant_client import models

from infra.move_index import QdrantConfig
from infra.move_index.digests import move_digest
from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.migrate import migrate
from infra.move_index.points import payload_of, point_id
from infra.move_index.server import QdrantServerMoveIndex
from schemas.faults import Unavailable
from schemas.move_annotated import MoveAnnotation
from tests.qdrant_servers import real_index, real_server
from tests.unit.infra.moves import MOVES, make_move

pytestmark = [pytest.mark.broker, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture(scope="module")
def server() -> Iterator[QdrantConfig]:
    """Yield a real server."""
    with real_server() as server:
        yield server


@pytest.fixture
def index(server: QdrantConfig) -> Iterator[QdrantServerMoveIndex]:
    """Yield an index over a collection of its own."""
    with real_index(server) as index:
        yield index


def test_the_server_finds_what_the_embedded_engine_finds(index: QdrantServerMoveIndex, tmp_path: Path) -> None:
    embedded = EdgeMoveIndex(tmp_path / "edge")
    for each in (index, embedded):
        each.upsert(*MOVES)
        each.flush()
    assert index.count() == embedded.count() == len(MOVES)
    assert index.version() == embedded.version()
    for diversity in (0.0, 0.5):
        found = [
            [
                hit.move.name
                for hit in each.search(
                    vector=MOVES[7].embedding, tempo_bpm=(104.0, 122.0), energies=("medium",), diversity=diversity
                )
            ]
            for each in (index, embedded)
        ]
        assert found[0] == found[1]
    embedded.close()


def test_a_wrong_key_is_refused(server: QdrantConfig) -> None:
    if server.api_key is None:
        pytest.skip("this server has no API key")
    index = QdrantServerMoveIndex(replace(server, api_key="wrong"))
    with pytest.raises(Unavailable) as caught:
        index.count()
    assert caught.value.reason == "qdrant_refuses"
    index.close()


def test_a_collection_with_limits_gets_writes_that_it_takes(index: QdrantServerMoveIndex) -> None:
    index.count()
    limits = models.StrictModeConfig(enabled=True, upsert_max_batchsize=10, max_query_limit=600)
    index._client.update_collection(index._collections.used(), strict_mode_config=limits)
    moves = [make_move(number) for number in range(40)]
    index.upsert(*moves)
    index.replace_summaries(*(move.annotated(MoveAnnotation(style="Sensual")) for move in moves))
    assert len(index.digests()) == len(index.search(styles=["sensual"], limit=100)) == len(moves)
    assert index.remove(*(move.clip.sha256 for move in moves)) == len(moves)


def test_an_annotation_of_a_move_that_was_removed_meanwhile_is_no_lost_collection(
    index: QdrantServerMoveIndex,
) -> None:
    index.upsert(*MOVES[:3])
    index._delete([point_id(MOVES[1].clip.sha256)])
    payloads = {point_id(move.clip.sha256): payload_of(move, move_digest(move)) for move in MOVES[:3]}
    index._put_payloads(payloads)
    assert index.count() == 2
    assert sorted(move.name for move in index.all_moves()) == [MOVES[0].name, MOVES[2].name]


def test_moves_are_migrated_and_rebuilt(index: QdrantServerMoveIndex, tmp_path: Path) -> None:
    embedded = EdgeMoveIndex(tmp_path / "edge")
    embedded.upsert(*MOVES)
    assert migrate(embedded, index, lambda done, total: None).written == len(MOVES)
    other = QdrantServerMoveIndex(index.config)
    assert other.version() == embedded.version()
    built = index.replacement()
    built.upsert(*MOVES[:4])
    index.replace_by(built)
    assert (other.count(), other.version()) == (4, index.version())
    assert other.description()["collection"] == index.description()["collection"]
    other.close()
    embedded.close()
