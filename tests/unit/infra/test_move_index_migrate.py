"""Moves are copied between the embedded index and a server, point by point, and a copy that was ended goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from qdrant_client import models

from infra.move_index import MoveIndex, QdrantConfig
from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.migrate import migrate
from infra.move_index.points import StoredPoint
from infra.move_index.server import QdrantServerMoveIndex
from schemas.faults import Retryable, Unavailable
from schemas.move_annotated import MoveAnnotation
from tests.chaos.faulty_qdrant_server import FaultyQdrantServer
from tests.unit.infra.moves import make_move

_MOVES = [make_move(number).annotated(MoveAnnotation(style="Sensual") if number % 2 else None) for number in range(700)]


def _ignore(done: int, total: int) -> None:
    del done, total


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[EdgeMoveIndex]:
    """Yield the embedded index with 700 moves."""
    index = EdgeMoveIndex(tmp_path / "edge")
    index.upsert(*_MOVES)
    yield index
    index.close()


def _stored(index: MoveIndex) -> dict[str, object]:
    return {move.name: move.summary() for move in index.all_moves()}


def test_moves_come_back_as_they_were(qdrant: FaultyQdrantServer, edge: EdgeMoveIndex, tmp_path: Path) -> None:
    remote, back = QdrantServerMoveIndex(qdrant.url), EdgeMoveIndex(tmp_path / "back")
    assert migrate(edge, remote, _ignore) == (700, 700, 0)
    assert migrate(edge, remote, _ignore) == (700, 0, 0)
    assert migrate(remote, back, _ignore) == (700, 700, 0)
    assert back.version() == remote.version() == edge.version()
    assert _stored(back) == _stored(edge)
    assert [hit.move.name for hit in back.search(styles=["sensual"], limit=1000)] == [
        hit.move.name for hit in edge.search(styles=["sensual"], limit=1000)
    ]
    remote.close()
    back.close()


def test_a_migration_that_was_ended_goes_on(qdrant: FaultyQdrantServer, edge: EdgeMoveIndex) -> None:
    remote = QdrantServerMoveIndex(qdrant.url)

    def end(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate(edge, remote, end)
    stored = remote.count()
    assert 0 < stored < 700
    assert migrate(edge, remote, _ignore) == (700, 700 - stored, 0)
    remote.upsert(make_move(9999))
    assert migrate(edge, remote, _ignore) == (700, 0, 1)
    remote.close()


def test_a_point_that_changes_meanwhile_is_found(qdrant: FaultyQdrantServer, edge: EdgeMoveIndex) -> None:
    remote = QdrantServerMoveIndex(qdrant.url)

    def change(done: int, total: int) -> None:
        if done == total:
            remote.upsert(_MOVES[0].model_copy(update={"move": "another"}))

    with pytest.raises(Retryable, match="1 points are not equal"):
        migrate(edge, remote, change)
    remote.close()


def test_a_server_that_is_away_ends_a_migration(qdrant: FaultyQdrantServer, edge: EdgeMoveIndex) -> None:
    remote = QdrantServerMoveIndex(qdrant.url)
    qdrant.refuse()
    with pytest.raises(Unavailable, match="refused"):
        migrate(edge, remote, _ignore)
    remote.close()


def test_a_read_that_takes_too_long_is_repeated(
    qdrant: FaultyQdrantServer, edge: EdgeMoveIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = QdrantServerMoveIndex(QdrantConfig.of_url(qdrant.url, timeout_s=1))
    remote.count()
    find, hangs = remote.find_points, iter([True, False, True])

    def find_after_a_while(ids: Sequence[str]) -> list[StoredPoint]:
        if next(hangs, False):
            qdrant.hang()
            threading.Timer(1.5, qdrant.recover).start()
        return find(ids)

    monkeypatch.setattr(remote, "find_points", find_after_a_while)
    assert migrate(edge, remote, _ignore) == (700, 700, 0)
    remote.close()


def test_a_point_of_another_program_is_left_out(qdrant: FaultyQdrantServer, tmp_path: Path) -> None:
    remote, back = QdrantServerMoveIndex(qdrant.url), EdgeMoveIndex(tmp_path / "back")
    remote.upsert(*_MOVES[:5])
    for number, payload in enumerate(({}, {"clip_sha256": _MOVES[0].clip.sha256, "digest": "x"})):
        remote._client.upsert(remote._name, [models.PointStruct(id=number, vector=[0.1] * 512, payload=payload)])
    assert migrate(remote, back, _ignore) == (5, 5, 0)
    assert back.version() == remote.version()
    remote.close()
    back.close()
