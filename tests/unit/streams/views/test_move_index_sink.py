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
from schemas.move_annotated import MoveAnnotated, MoveAnnotation
from schemas.move_indexed import Move, MoveIndexed
from streams.envelope import Record
from streams.log_position import Position
from streams.topics import MOVE_ANNOTATED, MOVE_INDEXED
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
        index = QdrantServerMoveIndex("http://local", client=QdrantClient(":memory:"))
    yield index
    index.close()


@pytest.fixture
def sink(index: MoveIndex, tmp_path: Path) -> MoveIndexSink:
    return _opened(index, tmp_path)


def _opened(index: MoveIndex, folder: Path) -> MoveIndexSink:
    """Return a sink that has asked for its positions, as a view is started."""
    sink = MoveIndexSink(index, folder / "library")
    sink.positions()
    return sink


def _again(sink: MoveIndexSink, index: MoveIndex, folder: Path) -> MoveIndexSink:
    sink.close()
    return MoveIndexSink(index, folder / "library")


def _indexed(move: Move, *, key: str | None = None, **changes: Any) -> Record:
    event = MoveIndexed(request_id="r", move=move).model_dump(mode="json")
    event["move"] |= changes
    key = move.clip.sha256 if key is None else key
    return Record(MOVE_INDEXED.full_name, 0, 0, key.encode(), json.dumps(event).encode())


def _annotated(move: Move, /, **annotation: Any) -> Record:
    event = MoveAnnotated(clip_sha256=move.clip.sha256, annotation=MoveAnnotation(**annotation))
    return Record(
        MOVE_ANNOTATED.full_name, 0, 0, move.clip.sha256.encode(), event.model_dump_json(exclude_defaults=True).encode()
    )


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


def test_annotations_outlive_the_move(sink: MoveIndexSink) -> None:
    first, second = MOVES[0], MOVES[1].model_copy(update={"annotation": MoveAnnotation(move="of the request")})
    sink.apply([_indexed(first), _annotated(first, difficulty="advanced"), _indexed(second)], _POSITIONS)
    sink.apply([_removed(first.clip.sha256)], _POSITIONS)
    assert sink.annotations() == {
        first.clip.sha256: MoveAnnotation(difficulty="advanced"),
        second.clip.sha256: MoveAnnotation(move="of the request"),
    }


def test_the_last_move_can_be_removed(index: MoveIndex, sink: MoveIndexSink, tmp_path: Path) -> None:
    sink.apply([_indexed(MOVES[0])], _POSITIONS)
    sink.apply([_removed(MOVES[0].clip.sha256), _removed("ab" * 32)], _POSITIONS)
    sink.check()
    assert _again(sink, index, tmp_path).positions() == _POSITIONS
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


@pytest.mark.parametrize("index", ["server"], indirect=True)
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


@pytest.mark.parametrize("index", ["server"], indirect=True)
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


@pytest.mark.parametrize("in_one_batch", [True, False])
@pytest.mark.parametrize("annotation_first", [True, False])
def test_an_annotation_holds_whenever_it_arrives(
    index: MoveIndex, sink: MoveIndexSink, in_one_batch: bool, annotation_first: bool
) -> None:
    move = MOVES[0]
    records = [_indexed(move), _annotated(move, difficulty="advanced", tags=["for shows"])]
    records = records[::-1] if annotation_first else records
    for batch in [records] if in_one_batch else [[record] for record in records]:
        sink.apply(batch, _POSITIONS)
    found = index.get(move.clip.sha256)
    assert found is not None
    assert (found.difficulty, found.energy, found.move) == ("advanced", move.energy, move.move)
    assert found.judged is not None
    assert found.judged.difficulty == move.difficulty
    assert found.embedding == pytest.approx(move.embedding, abs=1e-6)
    assert [hit.move.name for hit in index.search(difficulties=["advanced"])] == [move.name]


def test_a_cleared_field_brings_back_the_judgement_and_the_version(index: MoveIndex, sink: MoveIndexSink) -> None:
    move = MOVES[0]
    sink.apply([_indexed(move), _annotated(move)], _POSITIONS)
    version = index.version()
    sink.apply([_annotated(move, difficulty="advanced", move="my move")], _POSITIONS)
    assert index.version() != version
    sink.apply([_annotated(move)], _POSITIONS)
    assert index.version() == version
    found = index.get(move.clip.sha256)
    assert found is not None
    assert (found.difficulty, found.move, found.category) == (move.difficulty, move.move, move.category)


def test_an_annotation_outlives_its_move(index: MoveIndex, sink: MoveIndexSink, tmp_path: Path) -> None:
    move = MOVES[0]
    sink.apply([_indexed(move), _annotated(move, style="sensual")], _POSITIONS)
    sink.apply([_removed(move.clip.sha256)], _POSITIONS)
    sink = _again(sink, index, tmp_path)
    assert sink.positions() == _POSITIONS
    sink.apply([_indexed(move)], _POSITIONS)
    found = index.get(move.clip.sha256)
    assert found is not None
    assert found.annotation == MoveAnnotation(style="sensual")


def test_the_annotation_of_a_submission_holds_where_there_is_no_other(index: MoveIndex, sink: MoveIndexSink) -> None:
    move = MOVES[0].annotated(MoveAnnotation(category="turns"))
    sha256 = move.clip.sha256
    other = Record(MOVE_ANNOTATED.full_name, 0, 0, sha256.encode(), None)
    categories = []
    for record in (_indexed(move), _annotated(move, category="dips"), _indexed(move), other):
        sink.apply([record], _POSITIONS)
        found = index.get(sha256)
        assert found is not None
        categories.append(found.category)
    assert categories == ["turns", "dips", "dips", "turns"]


@pytest.mark.parametrize("lost", [0, 1, 2, 3])
def test_a_kill_within_a_batch_is_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: int) -> None:
    index = EdgeMoveIndex(tmp_path / "edge")
    sink = _opened(index, tmp_path)
    sink.apply([_indexed(move) for move in MOVES[:3]], _POSITIONS)
    batch = [_indexed(MOVES[3]), _annotated(MOVES[0], style="sensual"), _removed(MOVES[1].clip.sha256)]

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(sink._store, "save", kill)
    with pytest.raises(Killed):
        sink.apply(batch, {})
    before = MOVES[0], MOVES[1]  # as if some of the batch's points had not been written
    for move in before[:lost]:
        index.upsert(move.annotated(None))
    if lost == 3:
        index.remove(MOVES[3].clip.sha256)
    sink = _again(sink, index, tmp_path)
    assert sink.positions() == _POSITIONS
    sink.apply(batch, _POSITIONS)
    sink.check()
    assert index.clips() == sorted(move.clip.sha256 for move in (MOVES[0], MOVES[2], MOVES[3]))
    index.close()


def _tampered(index: MoveIndex, kind: str) -> None:
    """Let an index hold anything else than its first three moves."""
    if kind == "an older copy":
        index.remove(MOVES[0].clip.sha256)
        index.upsert(MOVES[8])  # as many as before
    elif kind == "a move of another library":
        index.upsert(MOVES[8])
    else:
        index.upsert(MOVES[0].model_copy(update={"move": "another"}))


@pytest.mark.parametrize("kind", ["an older copy", "a move of another library", "another move of the same clip"])
def test_an_index_that_holds_anything_else_is_searched_until_it_is_replaced(tmp_path: Path, kind: str) -> None:
    index = EdgeMoveIndex(tmp_path / "edge")
    sink = _opened(index, tmp_path)
    records = [_indexed(move) for move in MOVES[:3]]
    sink.apply(records, _POSITIONS)
    _tampered(index, kind)
    found = index.clips()
    with pytest.raises(Unavailable, match="rebuilt"):
        sink.check()
    sink = _again(sink, index, tmp_path)
    with pytest.raises(Unavailable, match="rebuilt"):
        sink.positions()
    assert sink.needs_rebuild
    built = sink.beside()
    assert built.positions() == {}
    built.apply(records, _POSITIONS)
    assert index.clips() == found
    assert sink.is_covered_by(built)
    sink.replace_by(built)
    built.discard()
    assert sink.positions() == _POSITIONS
    assert not sink.needs_rebuild
    assert index.clips() == sorted(move.clip.sha256 for move in MOVES[:3])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edge", "library"]
    index.close()


def test_a_rebuilt_index_takes_the_place_of_the_old_one(index: MoveIndex, sink: MoveIndexSink, tmp_path: Path) -> None:
    sink.apply([_indexed(move) for move in MOVES[:3]], _POSITIONS)
    sink.apply([_annotated(MOVES[0], style="sensual"), _removed(MOVES[2].clip.sha256)], _POSITIONS)
    version, old_hits = index.version(), index.search(vector=MOVES[0].embedding)
    built = sink.beside()
    assert built.positions() == {}
    built.apply([_indexed(MOVES[0]), _indexed(MOVES[1])], {})
    assert not sink.is_covered_by(built)
    assert index.search(vector=MOVES[0].embedding) == old_hits
    built.apply([_annotated(MOVES[0], style="sensual")], _POSITIONS)
    assert sink.is_covered_by(built)
    sink.replace_by(built)
    built.discard()
    sink.check()
    assert index.version() == version
    assert [hit.move.name for hit in index.search(styles=["SENSUAL"])] == [MOVES[0].name]
    sink.apply([_indexed(MOVES[4])], _POSITIONS)
    assert index.count() == 3
    assert _again(sink, index, tmp_path).positions() == _POSITIONS


def test_an_index_that_was_not_written_as_it_should_takes_no_place(tmp_path: Path) -> None:
    index = EdgeMoveIndex(tmp_path / "edge")
    sink = _opened(index, tmp_path)
    sink.apply([_indexed(MOVES[0])], _POSITIONS)
    built = sink.beside()
    built.positions()
    built.apply([_indexed(MOVES[0])], _POSITIONS)
    built._index.remove(MOVES[0].clip.sha256)
    with pytest.raises(Unavailable):
        sink.replace_by(built)
    built.discard()
    sink.check()
    assert index.count() == 1
    index.close()
