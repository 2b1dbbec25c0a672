"""The view of `move-indexed`: it inserts and removes moves, skips what is not valid, and detects an index's losses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from qdrant_client import QdrantClient

from infra.move_index import MoveIndex
from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.server import QdrantServerMoveIndex
from schemas.move_annotated import MoveAnnotated, MoveAnnotation
from schemas.move_indexed import Move, MoveIndexed
from streams.envelope import Record
from streams.log_position import Position
from streams.topics import MOVE_ANNOTATED, MOVE_INDEXED
from streams.views.move_index_sink import MoveIndexSink
from tests.qdrant_in_memory import IN_MEMORY
from tests.unit.infra.moves import MOVES

pytestmark = IN_MEMORY
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
    return MoveIndexSink(index, tmp_path / "library")


def _update(sink: MoveIndexSink, *records: Record) -> None:
    """Apply records as a worker does that has read all others."""
    sink.apply(records, _POSITIONS)
    assert sink.is_complete() or not sink.complete()
    assert sink.is_complete()


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
    _update(sink, _indexed(first), _indexed(second))
    version = index.version()
    for _ in range(2):
        _update(sink, _removed(first.clip.sha256))
        assert [move.name for move in index.all_moves()] == [second.name]
        assert index.get(first.clip.sha256) is None
        assert index.clips() == [second.clip.sha256]
    assert index.version() != version
    _update(sink, _indexed(first))
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
    _update(sink, _indexed(MOVES[0]))
    _update(sink, _removed(MOVES[0].clip.sha256), _removed("ab" * 32))
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
    _update(sink, *forged, _indexed(good))
    assert [move.name for move in index.all_moves()] == [good.name]
    assert len(caplog.records) == len(forged)


@pytest.mark.parametrize("in_one_batch", [True, False])
@pytest.mark.parametrize("annotation_first", [True, False])
def test_an_annotation_holds_whenever_it_arrives(
    index: MoveIndex, sink: MoveIndexSink, in_one_batch: bool, annotation_first: bool
) -> None:
    move = MOVES[0]
    records = [_indexed(move), _annotated(move, difficulty="advanced", tags=["for shows"])]
    records = records[::-1] if annotation_first else records
    for batch in [records] if in_one_batch else [[record] for record in records]:
        _update(sink, *batch)
    found = index.get(move.clip.sha256)
    assert found is not None
    assert (found.difficulty, found.energy, found.move) == ("advanced", move.energy, move.move)
    assert found.judged is not None
    assert found.judged.difficulty == move.difficulty
    assert found.embedding == pytest.approx(move.embedding, abs=1e-6)
    assert [hit.move.name for hit in index.search(difficulties=["advanced"])] == [move.name]


def test_a_cleared_field_brings_back_the_judgement_and_the_version(index: MoveIndex, sink: MoveIndexSink) -> None:
    move = MOVES[0]
    _update(sink, _indexed(move), _annotated(move))
    version = index.version()
    _update(sink, _annotated(move, difficulty="advanced", move="my move"))
    assert index.version() != version
    _update(sink, _annotated(move))
    assert index.version() == version
    found = index.get(move.clip.sha256)
    assert found is not None
    assert (found.difficulty, found.move, found.category) == (move.difficulty, move.move, move.category)


def test_an_annotation_outlives_its_move(index: MoveIndex, sink: MoveIndexSink, tmp_path: Path) -> None:
    move = MOVES[0]
    _update(sink, _indexed(move), _annotated(move, style="sensual"))
    _update(sink, _removed(move.clip.sha256))
    sink = _again(sink, index, tmp_path)
    assert sink.positions() == _POSITIONS
    _update(sink, _indexed(move))
    found = index.get(move.clip.sha256)
    assert found is not None
    assert found.annotation == MoveAnnotation(style="sensual")


def test_the_annotation_of_a_submission_holds_where_there_is_no_other(index: MoveIndex, sink: MoveIndexSink) -> None:
    move = MOVES[0].annotated(MoveAnnotation(category="turns"))
    sha256 = move.clip.sha256
    other = Record(MOVE_ANNOTATED.full_name, 0, 0, sha256.encode(), None)
    categories = []
    for record in (_indexed(move), _annotated(move, category="dips"), _indexed(move), other):
        _update(sink, record)
        found = index.get(sha256)
        assert found is not None
        categories.append(found.category)
    assert categories == ["turns", "dips", "dips", "turns"]


@pytest.mark.parametrize("lost", [0, 2, 4])
def test_a_kill_while_the_index_is_written_loses_nothing(tmp_path: Path, lost: int) -> None:
    index = EdgeMoveIndex(tmp_path / "edge")
    sink = MoveIndexSink(index, tmp_path / "library")
    _update(sink, *map(_indexed, MOVES[:3]))
    batch = [_indexed(MOVES[3]), _annotated(MOVES[0], style="sensual"), _removed(MOVES[1].clip.sha256)]
    sink.apply(batch, _POSITIONS)
    writes: list[Callable[[], object]] = [
        lambda: index.upsert(MOVES[3].annotated(None)),
        lambda: index.replace_summaries(MOVES[0].annotated(MoveAnnotation(style="sensual"))),
        lambda: index.remove(MOVES[1].clip.sha256),
        lambda: index.remove("ab" * 32),
    ]
    for write in writes[lost:]:  # the others had not been made when the worker was killed
        write()
    sink = _again(sink, index, tmp_path)
    assert sink.positions() == _POSITIONS
    assert sink.is_complete() == (lost == 0)
    assert not sink.complete()
    assert index.clips() == sorted(move.clip.sha256 for move in (MOVES[0], MOVES[2], MOVES[3]))
    assert [hit.move.name for hit in index.search(styles=["sensual"])] == [MOVES[0].name]
    index.close()


def _tamper(index: MoveIndex, kind: str) -> None:
    """Let an index hold anything else than its first three moves."""
    if kind == "all are lost":
        index.remove(*index.clips())
    elif kind == "an older copy":
        index.remove(MOVES[0].clip.sha256)
        index.upsert(MOVES[8])  # as many as before
    elif kind == "an older annotation":
        index.replace_summaries(MOVES[0].annotated(MoveAnnotation(style="moderna")))
    elif kind == "a removed move":
        index.upsert(MOVES[8])
    else:
        index.upsert(MOVES[0].model_copy(update={"move": "another"}))


@pytest.mark.parametrize(
    "kind",
    ["all are lost", "an older copy", "an older annotation", "a removed move", "another move of the same clip"],
)
def test_an_index_that_holds_anything_else_is_corrected(
    index: MoveIndex, sink: MoveIndexSink, kind: str, tmp_path: Path
) -> None:
    _update(sink, *map(_indexed, [*MOVES[:3], MOVES[8]]))
    _update(sink, _removed(MOVES[8].clip.sha256))
    version = index.version()
    _tamper(index, kind)
    assert not sink.is_complete()
    sink = _again(sink, index, tmp_path)
    assert not sink.is_complete()
    assert not sink.complete()
    assert index.version() == version
    assert sink.is_complete()


def test_only_what_differs_is_written(sink: MoveIndexSink, index: MoveIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    _update(sink, *map(_indexed, MOVES[:3]))
    upserted: list[Move] = []
    monkeypatch.setattr(index, "upsert", lambda *moves: upserted.extend(moves))
    _update(sink, _annotated(MOVES[0], style="sensual"), *map(_indexed, MOVES[:3]))
    assert not upserted, "the embedding of an annotated move is not written again"


def test_a_large_difference_is_written_in_parts_of_some_seconds(
    sink: MoveIndexSink, index: MoveIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.views.move_index_sink._PART", 2)
    monkeypatch.setattr("streams.views.move_index_sink._MAX_COMPLETION_S", -1.0)
    sink.apply([*map(_indexed, MOVES[:5])], _POSITIONS)
    left = []
    while not sink.is_complete():
        left.append(sink.complete())
    assert left == [
        "3 of 5 moves and removals are not in it yet: it is being filled",
        "1 of 5 moves and removals are not in it yet: it is being filled",
        "",
    ]
    assert index.count() == 5


@pytest.fixture
def server() -> QdrantServerMoveIndex:
    return QdrantServerMoveIndex("http://local", client=QdrantClient(":memory:"))


def test_a_worker_that_starts_late_leaves_a_servers_newer_moves(server: QdrantServerMoveIndex, tmp_path: Path) -> None:
    records = [*map(_indexed, MOVES[:3]), _annotated(MOVES[0], style="sensual"), _removed(MOVES[1].clip.sha256)]
    _update(MoveIndexSink(server, tmp_path / "first"), *records)
    version = server.version()
    late = MoveIndexSink(server, tmp_path / "late")
    for record in records:
        late.apply([record], _POSITIONS)
        assert server.version() == version
    assert late.is_complete()


def test_what_a_worker_wrote_that_was_behind_is_corrected_by_another(
    server: QdrantServerMoveIndex, tmp_path: Path
) -> None:
    first, second = (MoveIndexSink(server, tmp_path / name) for name in ("first", "second"))
    old, new = _annotated(MOVES[0], style="moderna"), _annotated(MOVES[0], style="sensual")
    for worker in (first, second):
        _update(worker, _indexed(MOVES[0]), old)
    _update(first, new)
    assert not second.is_complete()
    assert not second.complete(), "it writes its older state and ends permanently"
    assert [hit.move.name for hit in server.search(styles=["sensual"])] == []
    assert not first.is_complete()
    assert not first.complete()
    assert [hit.move.name for hit in server.search(styles=["sensual"])] == [MOVES[0].name]


def test_what_another_worker_writes_after_the_comparison_is_left_alone(
    server: QdrantServerMoveIndex, tmp_path: Path
) -> None:
    first, second = (MoveIndexSink(server, tmp_path / name) for name in ("first", "second"))
    for worker in (first, second):
        _update(worker, *map(_indexed, MOVES[:2]))
    server.remove(MOVES[1].clip.sha256)
    assert not second.is_complete()
    _update(first, _annotated(MOVES[0], style="sensual"))
    server.remove(MOVES[1].clip.sha256)
    assert not second.complete()
    assert server.clips() == sorted(move.clip.sha256 for move in MOVES[:2])
    assert [hit.move.name for hit in server.search(styles=["sensual"])] == [MOVES[0].name]


def test_moves_on_a_server_that_are_not_on_the_topics_stay_and_are_named(
    server: QdrantServerMoveIndex, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = MoveIndexSink(server, tmp_path / "library")
    _update(sink, _indexed(MOVES[0]))
    server.upsert(MOVES[1])
    for _ in range(3):
        assert sink.is_complete()
    assert not sink.complete()
    assert sink.unknown() == [MOVES[1].clip.sha256]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    _update(sink, _removed(MOVES[1].clip.sha256))
    assert (server.count(), sink.unknown()) == (1, [])


def test_a_store_of_an_earlier_version_is_filled_again(index: MoveIndex, sink: MoveIndexSink, tmp_path: Path) -> None:
    _update(sink, _indexed(MOVES[0]))
    sink._store.db.delete(b"v")
    sink = _again(sink, index, tmp_path)
    assert sink.positions() == {}
    _update(sink, _indexed(MOVES[0]))


def test_annotations_are_returned_also_of_clips_without_a_move(sink: MoveIndexSink) -> None:
    _update(sink, *map(_indexed, MOVES[:2]), _annotated(MOVES[0], style="sensual"), _annotated(MOVES[2], notes="later"))
    _update(sink, _removed(MOVES[0].clip.sha256))
    assert sink.annotations() == {
        MOVES[0].clip.sha256: MoveAnnotation(style="sensual"),
        MOVES[2].clip.sha256: MoveAnnotation(notes="later"),
    }


def test_a_rebuilt_index_takes_the_place_of_the_old_one(index: MoveIndex, sink: MoveIndexSink, tmp_path: Path) -> None:
    _update(sink, *map(_indexed, MOVES[:3]))
    _update(sink, _annotated(MOVES[0], style="sensual"), _removed(MOVES[2].clip.sha256))
    version, old_hits = index.version(), index.search(vector=MOVES[0].embedding)
    built = sink.replacement()
    assert built.positions() == {}
    _update(built, _indexed(MOVES[0]), _indexed(MOVES[1]))
    assert index.search(vector=MOVES[0].embedding) == old_hits
    _update(built, _annotated(MOVES[0], style="sensual"))
    sink.replace_by(built)
    built.discard()
    assert sink.is_complete()
    assert index.version() == version
    assert [hit.move.name for hit in index.search(styles=["SENSUAL"])] == [MOVES[0].name]
    _update(sink, _indexed(MOVES[4]))
    assert index.count() == 3
    assert _again(sink, index, tmp_path).positions() == _POSITIONS
    assert not list(tmp_path.glob("*.new"))


def test_a_replacement_that_is_not_used_leaves_nothing(index: MoveIndex, sink: MoveIndexSink, tmp_path: Path) -> None:
    _update(sink, _indexed(MOVES[0]))
    before = sorted(path.name for path in tmp_path.iterdir())
    built = sink.replacement()
    _update(built, _indexed(MOVES[1]))
    built.discard()
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert sink.is_complete()
    assert index.clips() == [MOVES[0].clip.sha256]
