"""The move index on a real Qdrant server, that of BACHATA_TEST_QDRANT_URL or a container: what only a server can show.

The contract that both backends keep is in tests/unit/infra: its tests run on this server, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.move_index import QdrantConfig
from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.migrate import migrate
from infra.move_index.server import QdrantServerMoveIndex
from schemas.faults import Unavailable
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


def test_a_write_that_takes_too_long_is_repeated_with_fewer_moves(index: QdrantServerMoveIndex) -> None:
    hurried = QdrantServerMoveIndex(replace(index.config, timeout_s=1.0))
    moves = [make_move(number) for number in range(400)]
    for _ in range(20):
        try:
            hurried.upsert(*moves)
            break
        except Unavailable:
            continue
    assert hurried.count() == len(moves)
    hurried.close()


def test_moves_are_migrated_and_rebuilt(index: QdrantServerMoveIndex, tmp_path: Path) -> None:
    embedded = EdgeMoveIndex(tmp_path / "edge")
    embedded.upsert(*MOVES)
    assert migrate(embedded, index, lambda done, total: None).written == len(MOVES)
    other = QdrantServerMoveIndex(index.config)
    assert other.version() == embedded.version()
    built = index.beside()
    built.upsert(*MOVES[:4])
    index.replace_by(built)
    assert (other.count(), other.version()) == (4, index.version())
    assert other.description()["collection"] == index.description()["collection"]
    other.close()
    embedded.close()
