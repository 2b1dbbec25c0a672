"""The view of `move-indexed`: it inserts and removes moves, skips what is not valid, and detects an index's losses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from qdrant_client import QdrantClient

from infra.move_index import MoveIndex
from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.server import QdrantServerMoveIndex
from schemas.faults import Unavailable
from schemas.move_indexed import Move, MoveIndexed
from streams.envelope import Record
from streams.log_position import Position
from streams.topics import MOVE_INDEXED
from streams.views.move_index_sink import MoveIndexSink
from tests.unit.infra.moves import MOVES

pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant:UserWarning"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact:UserWarning"),
]
_POSITIONS = {TopicPartition(MOVE_INDEXED.full_name, 0): Position(9)}


@pytest.fixture(params=["edge", "server"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MoveIndex]:
    index: MoveIndex
    if request.param == "edge":
        index = EdgeMoveIndex(tmp_path / "edge")
    else:
        index = QdrantServerMoveIndex("local", client=QdrantClient(":memory:"))
    yield index
    index.close()


@pytest.fixture
def sink(index: MoveIndex, tmp_path: Path) -> MoveIndexSink:
    sink = MoveIndexSink(index, tmp_path / "positions.json")
    assert sink.positions() == {}
    return sink


def _indexed(move: Move, *, key: str | None = None, **changes: Any) -> Record:
    event = MoveIndexed(request_id="r", move=move).model_dump(mode="json")
    event["move"] |= changes
    key = move.clip.sha256 if key is None else key
    return Record(MOVE_INDEXED.full_name, 0, 0, key.encode(), json.dumps(event).encode())


def _removed(sha256: str) -> Record:
    return Record(MOVE_INDEXED.full_name, 0, 0, sha256.encode(), None)


def test_a_record_without_a_value_removes_the_move_and_the_same_move_can_come_back(
    index: MoveIndex, sink: MoveIndexSink
) -> None:
    first, second = MOVES[:2]
    sink.apply([_indexed(first), _indexed(second)], _POSITIONS)
    version = index.version()
    for _ in range(2):
        sink.apply([_removed(first.clip.sha256)], _POSITIONS)
        sink.check()
        assert [move.name for move in index.all_moves()] == [second.name]
        assert index.get(first.clip.sha256) is None
        assert index.clips() == [second.clip.sha256]
    assert index.version() != version
    sink.apply([_indexed(first)], _POSITIONS)
    assert index.count() == 2
    assert index.version() == version


def test_the_last_move_can_be_removed(index: MoveIndex, sink: MoveIndexSink, tmp_path: Path) -> None:
    sink.apply([_indexed(MOVES[0])], _POSITIONS)
    sink.apply([_removed(MOVES[0].clip.sha256), _removed("ab" * 32)], _POSITIONS)
    sink.check()
    assert MoveIndexSink(index, tmp_path / "positions.json").positions() == _POSITIONS
    assert index.search() == []


def test_a_record_that_is_no_valid_move_is_skipped(
    index: MoveIndex, sink: MoveIndexSink, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = MOVES[:2]
    forged = [
        _indexed(bad, beats=list(bad.beats[::-1])),
        _indexed(bad, tempo_bpm=5e-324),
        _indexed(bad, embedding=[0.0] * 512),
        _indexed(bad, embedding=[0.1] * 3),
        _indexed(bad, clip=bad.clip.model_dump() | {"kind": "audio"}),
        _indexed(bad, key=good.clip.sha256),
        _indexed(bad, key="a name"),
        _removed("a name"),
        Record(MOVE_INDEXED.full_name, 0, 0, None, None),
        Record(MOVE_INDEXED.full_name, 0, 0, bad.clip.sha256.encode(), b""),
        Record(MOVE_INDEXED.full_name, 0, 0, bad.clip.sha256.encode(), b"\xff"),
    ]
    sink.apply([*forged, _indexed(good)], _POSITIONS)
    assert [move.name for move in index.all_moves()] == [good.name]
    assert len(caplog.records) == len(forged)


def test_an_index_that_lost_all_its_moves_is_rebuilt(sink: MoveIndexSink, index: MoveIndex, tmp_path: Path) -> None:
    sink.apply([_indexed(move) for move in MOVES[:3]], _POSITIONS)
    for move in MOVES[:3]:
        index.remove(move.clip.sha256)
    with pytest.raises(Unavailable):
        sink.check()
    assert sink.positions() == {}


def test_an_index_that_lost_some_moves_is_rebuilt_unless_another_worker_removed_them(
    sink: MoveIndexSink, index: MoveIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("streams.views.move_index_sink.monotonic", lambda: now)
    sink.apply([_indexed(move) for move in MOVES[:3]], _POSITIONS)
    index.remove(MOVES[0].clip.sha256)
    sink.check()
    now = 110.0
    with pytest.raises(Unavailable):
        sink.check()


def test_what_another_worker_removed_is_no_loss_once_it_is_read(
    sink: MoveIndexSink, index: MoveIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("streams.views.move_index_sink.monotonic", lambda: now)
    sink.apply([_indexed(move) for move in MOVES[:3]], _POSITIONS)
    index.remove(MOVES[0].clip.sha256)
    sink.check()
    sink.apply([_removed(MOVES[0].clip.sha256)], _POSITIONS)
    now = 200.0
    sink.check()
    assert sink.positions() == _POSITIONS
