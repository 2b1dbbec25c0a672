"""A write that is too much for a server at once ends in smaller parts, and searches go on between them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest
from aiohttp import web
from qdrant_client import QdrantClient, models

from infra.move_index.config import QdrantConfig
from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.migrate import migrate
from infra.move_index.parts import PartSize
from infra.move_index.server import QdrantServerMoveIndex
from schemas.faults import Unavailable
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import Move
from tests.chaos.faulty_qdrant_server import FaultyQdrantServer, refusal
from tests.unit.infra.moves import MOVES, make_move

_MANY = [make_move(number) for number in range(40)]
_FEW = _MANY[:16]
_SECONDS_PER_POINT = 0.14  # 16 points: 2.2 s, more than the time limit; 8 points: half of it


@pytest.fixture
def index(qdrant: FaultyQdrantServer) -> Iterator[QdrantServerMoveIndex]:
    """Yield the index on this server."""
    index = QdrantServerMoveIndex(QdrantConfig.of_url(qdrant.url))
    index.count()
    yield index
    index.close()


@pytest.fixture
def impatient(qdrant: FaultyQdrantServer) -> Iterator[QdrantServerMoveIndex]:
    """Yield the index on this server, with a time limit of two seconds."""
    index = QdrantServerMoveIndex(QdrantConfig.of_url(qdrant.url, timeout_s=2))
    index.count()
    yield index
    index.close()


class _Writes:
    """Notes how many points each write has, and refuses those with more than `max_points`."""

    def __init__(self, max_points: int, refused: Callable[[], web.Response]) -> None:
        self.points: list[int] = []
        self._max_points = max_points
        self._refused = refused

    def __call__(self, points: int) -> web.Response | None:
        self.points.append(points)
        return self._refused() if points > self._max_points else None


def _names(moves: Sequence[Move]) -> list[str]:
    return sorted(move.name for move in moves)


def test_a_write_to_a_slow_server_ends_in_parts_that_end_in_time(
    qdrant: FaultyQdrantServer, impatient: QdrantServerMoveIndex
) -> None:
    writes = _Writes(1000, lambda: refusal(500, ""))
    qdrant.refuse_writes(writes)
    qdrant.slow_down(_SECONDS_PER_POINT, drops_late_writes=True)
    impatient.upsert(*_FEW)
    assert _names(impatient.all_moves()) == _names(_FEW)
    impatient.replace_summaries(*(move.annotated(MoveAnnotation(style="Sensual")) for move in _FEW))
    assert impatient.remove(*(move.clip.sha256 for move in _FEW)) == len(_FEW)
    assert sorted(writes.points) == [8] * 6 + [16], "a number that failed is not tried again"


@pytest.mark.parametrize(
    "status_and_message",
    [
        (400, "JSON payload (50000000 bytes) is larger than allowed (limit: 33554432 bytes)"),
        (400, 'Limit exceeded 40 > 10 for "upsert limit"'),
        (413, "Payload Too Large"),
        (422, "too many points"),
        (429, "Write rate limit exceeded, request larger than rate limiter capacity, please try to split your request"),
    ],
)
def test_a_write_that_is_too_large_is_split(
    qdrant: FaultyQdrantServer, index: QdrantServerMoveIndex, status_and_message: tuple[int, str]
) -> None:
    qdrant.refuse_writes(_Writes(10, lambda: refusal(*status_and_message)))
    index.upsert(*_MANY)
    assert qdrant.count() == len(_MANY)
    assert index.remove(*(move.clip.sha256 for move in _MANY)) == len(_MANY)


def test_a_single_move_that_is_refused_is_reported(qdrant: FaultyQdrantServer, index: QdrantServerMoveIndex) -> None:
    qdrant.refuse_writes(_Writes(0, lambda: refusal(413, "Payload Too Large")))
    with pytest.raises(Unavailable, match=r"refuses the request: 413 .*\(Payload Too Large\)") as caught:
        index.upsert(*_MANY)
    assert caught.value.reason == "qdrant_refuses"


def test_a_busy_server_gets_the_same_write_when_it_asks_for_it(
    qdrant: FaultyQdrantServer, index: QdrantServerMoveIndex
) -> None:
    times: list[float] = []

    def refuse_the_first(points: int) -> web.Response | None:
        times.append(monotonic())
        return refusal(429, "Write rate limit exceeded", {"Retry-After": "2"}) if len(times) == 1 else None

    qdrant.refuse_writes(refuse_the_first)
    writing = threading.Thread(target=lambda: index.upsert(*_MANY))
    writing.start()
    while not times:
        time.sleep(0.01)
    assert index.count() == 0, "a limit of writes stops no search"
    writing.join()
    assert qdrant.count() == len(_MANY)
    assert len(times) == 2
    assert times[1] - times[0] >= 2


def test_a_server_that_is_busy_for_long_says_when_to_try_again(
    qdrant: FaultyQdrantServer, index: QdrantServerMoveIndex
) -> None:
    qdrant.refuse_writes(lambda points: refusal(429, "Write rate limit exceeded", {"Retry-After": "3600"}))
    with pytest.raises(Unavailable, match="is busy: Write rate limit exceeded") as caught:
        index.upsert(*_MANY)
    assert (caught.value.reason, caught.value.retry_after_s) == ("qdrant_away", 3600)


def test_a_server_that_hangs_ends_a_write_of_many_moves(
    qdrant: FaultyQdrantServer, impatient: QdrantServerMoveIndex
) -> None:
    qdrant.hang()
    with pytest.raises(Unavailable, match="timed out"):
        impatient.upsert(*_MANY)


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant:UserWarning")
def test_a_write_that_is_not_applied_in_time_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    index = QdrantServerMoveIndex("http://local", client=QdrantClient(":memory:"))
    index.count()
    waiting = models.UpdateResult(operation_id=1, status=models.UpdateStatus.WAIT_TIMEOUT)
    monkeypatch.setattr(index._client, "upsert", lambda *_, **__: waiting)
    with pytest.raises(Unavailable, match="has not applied a write in time"):
        index.upsert(MOVES[0])
    index.close()


def test_searches_are_answered_between_the_requests_of_a_write(
    qdrant: FaultyQdrantServer, index: QdrantServerMoveIndex
) -> None:
    qdrant.refuse_writes(_Writes(5, lambda: refusal(413, "Payload Too Large")))
    qdrant.slow_down(0.02)
    writing = threading.Thread(target=lambda: index.upsert(*_MANY))
    writing.start()
    counts = set()
    while writing.is_alive():
        counts.add(len(index.search(limit=1000)))
        time.sleep(0.01)
    writing.join()
    assert len(counts) >= 4, counts
    assert index.count() == len(_MANY)


def test_a_request_has_a_limited_number_of_bytes(qdrant: FaultyQdrantServer) -> None:
    index = QdrantServerMoveIndex(QdrantConfig.of_url(qdrant.url, timeout_s=30))
    writes = _Writes(1000, lambda: refusal(500, ""))
    qdrant.refuse_writes(writes)
    eights = MOVES[0].eights[:1] * 1500  # 0.9 MB of JSON, and 1.7 MB in a request
    index.upsert(*(move.model_copy(update={"eights": eights}) for move in MOVES[:8]))
    assert qdrant.count() == 8
    assert 1 < max(writes.points) < 5, writes.points
    index.close()


def test_a_migration_to_a_slow_server_ends(
    qdrant: FaultyQdrantServer, impatient: QdrantServerMoveIndex, tmp_path: Path
) -> None:
    edge = EdgeMoveIndex(tmp_path / "edge")
    edge.upsert(*_FEW)
    qdrant.slow_down(_SECONDS_PER_POINT, drops_late_writes=True)
    assert migrate(edge, impatient, lambda done, total: None) == (len(_FEW), len(_FEW), 0)
    edge.close()


def test_an_annotation_of_a_move_that_another_worker_removed_changes_only_the_others(
    qdrant: FaultyQdrantServer, index: QdrantServerMoveIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.upsert(*MOVES[:6])
    index.version()
    other = QdrantServerMoveIndex(replace(index.config))
    catch_up = index._catch_up

    def remove_after_it() -> None:
        catch_up()
        monkeypatch.setattr(index, "_catch_up", catch_up)
        other.remove(MOVES[2].clip.sha256)

    monkeypatch.setattr(index, "_catch_up", remove_after_it)
    annotated = [move.annotated(MoveAnnotation(style="Sensual")) for move in MOVES[:6]]
    index.replace_summaries(*annotated)
    expected = [move.summary() for move in annotated if move.name != MOVES[2].name]
    assert index.all_moves(embeddings=False) == expected
    assert index.version() == other.version()
    assert index._collection_exists, "the collection is not lost"
    other.close()


def _points(size: PartSize) -> int:
    return len(size.part(range(1000), 0, lambda _: 1))


def test_parts_grow_only_after_fast_requests() -> None:
    size = PartSize(256, 10.0)
    size.failed(256)
    size.failed(128)
    for seconds in (6.4, 3.0):
        size.succeeded(64, seconds)
        assert _points(size) == 64
    size.failed(64)
    assert _points(size) == 32
    size.succeeded(32, 0.1)
    assert _points(size) == 32, "64 have failed"
    for _ in range(64):
        size.succeeded(32, 0.1)
    assert _points(size) == 64
    size.succeeded(64, 0.1)
    assert _points(size) == 128
    size.failed(1)
    assert _points(size) == 1
