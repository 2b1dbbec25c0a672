"""The digests of an index are those of its points, whoever wrote, deleted or restored them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from qdrant_client import QdrantClient, models

from infra.move_index import MoveIndex, server
from infra.move_index.digests import move_digest
from infra.move_index.points import new_point, point_id
from infra.move_index.server import QdrantServerMoveIndex
from schemas.faults import Unavailable
from schemas.move_indexed import Move
from tests.chaos.faulty_qdrant_server import FaultyQdrantServer
from tests.qdrant_in_memory import IN_MEMORY
from tests.unit.infra.moves import MOVES, make_move
from tests.unit.infra.test_move_index_away import wait_for_next_attempt

pytestmark = IN_MEMORY
_ALIAS = "bachata_moves"


def _expected(moves: list[Move]) -> dict[str, str]:
    return {move.clip.sha256: move_digest(move) for move in moves}


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    """Yield a client of an engine in this process, which several indexes share."""
    client = QdrantClient(":memory:")
    yield client
    client.close()


def _restore(client: QdrantClient, move: Move) -> None:
    """Put an older point of a move in the place of the newest one, as a snapshot that is restored does."""
    point = new_point(move, move_digest(move))
    payload = point.payload | {"written_s": 1.0}
    client.upsert(_ALIAS, [models.PointStruct(id=point.id, vector=list(point.vector), payload=payload)])


def test_digests_are_those_of_the_stored_moves(index: MoveIndex) -> None:
    assert index.digests() == {}
    index.upsert(*MOVES)
    before = index.digests()
    assert before == _expected(MOVES)
    changed = MOVES[3].model_copy(update={"move": "dip"})
    index.replace_summaries(changed)
    assert index.digests() == _expected([*MOVES[:3], changed, *MOVES[4:]])
    assert before == _expected(MOVES)


def test_several_moves_are_removed_at_once(index: MoveIndex) -> None:
    index.upsert(*MOVES)
    clips = [move.clip.sha256 for move in MOVES[:4]]
    assert index.remove(*clips, make_move(99).clip.sha256) == 4
    assert index.digests() == _expected(MOVES[4:])
    assert index.count() == len(MOVES) - 4
    assert index.remove(*clips) == 0
    assert index.remove() == 0


def test_removals_of_many_moves_are_few_requests(tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path) as qdrant:
        index = QdrantServerMoveIndex(qdrant.url)
        index.upsert(*MOVES)
        before = qdrant.calls
        assert index.remove(*(move.clip.sha256 for move in MOVES)) == len(MOVES)
        assert qdrant.calls - before == 2
        index.close()


def test_digests_are_caught_up_with_what_other_processes_write_and_remove(client: QdrantClient) -> None:
    first, second = (QdrantServerMoveIndex("http://local", client=client) for _ in range(2))
    first.upsert(*MOVES[:10])
    assert second.digests() == _expected(MOVES[:10])
    changed = MOVES[2].model_copy(update={"move": "dip"})
    first.upsert(changed)
    first.remove(MOVES[0].clip.sha256)
    assert second.digests() == _expected([MOVES[1], changed, *MOVES[3:10]])
    first.remove(MOVES[1].clip.sha256)
    first.upsert(MOVES[0])
    assert second.digests() == _expected([MOVES[0], changed, *MOVES[3:10]])


def test_older_points_of_a_restored_snapshot_are_noticed_after_some_minutes(
    client: QdrantClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = QdrantServerMoveIndex("http://local", client=client)
    index.upsert(*MOVES[:10])
    index.digests()
    older = MOVES[4].model_copy(update={"move": "dip"})
    _restore(client, older)
    monkeypatch.setattr(server, "monotonic", lambda: index._compare_at_s + 1)
    assert server._COMPARED_EVERY_S <= 300
    assert index.digests() == _expected([*MOVES[:4], older, *MOVES[5:10]])


def test_older_points_of_a_restored_snapshot_are_noticed_after_an_outage(tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path) as qdrant:
        index, other = QdrantServerMoveIndex(qdrant.url), QdrantClient(url=qdrant.url, check_compatibility=False)
        index.upsert(*MOVES[:10])
        index.digests()
        older = MOVES[4].model_copy(update={"move": "dip"})
        qdrant.refuse()
        with pytest.raises(Unavailable):
            index.count()
        qdrant.recover()
        _restore(other, older)
        wait_for_next_attempt()
        assert index.digests() == _expected([*MOVES[:4], older, *MOVES[5:10]])
        index.close()
        other.close()


def test_a_comparison_that_fails_in_the_middle_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_PAGE_SIZE", 4)
    with FaultyQdrantServer(tmp_path) as qdrant:
        index = QdrantServerMoveIndex(qdrant.url)
        index.upsert(*MOVES)
        page = index._page
        pages = 0

        def failing_page(*arguments: object, **options: object) -> object:
            nonlocal pages
            pages += 1
            if pages == 3:
                qdrant.fail()
            return page(*arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(index, "_page", failing_page)
        with pytest.raises(Unavailable):
            index.digests()
        qdrant.recover()
        wait_for_next_attempt()
        assert index.digests() == _expected(MOVES)
        index.close()


@pytest.mark.parametrize(
    "payload",
    [
        {"written_s": 10.0},
        {"clip_sha256": MOVES[0].clip.sha256, "digest": "other", "written_s": 5e12},
        {"clip_sha256": 7, "digest": None, "written_s": "today"},
        {},
    ],
    ids=["no digest", "a clip of another point", "other types", "nothing"],
)
def test_a_point_of_another_program_is_left_alone_and_costs_no_complete_comparison(
    client: QdrantClient, payload: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = QdrantServerMoveIndex("http://local", client=client)
    index.upsert(*MOVES[:10])
    point = models.PointStruct(id=point_id("other"), vector=[0.1] * 512, payload=payload)
    client.upsert(_ALIAS, [point])
    version = index.version()
    monkeypatch.setattr(index, "_read_all", lambda used: pytest.fail(f"{used} is compared completely"))
    assert index.version() == version
    assert index.digests() == _expected(MOVES[:10])
    assert index.unreadable() == 1
    changed = MOVES[2].model_copy(update={"move": "dip"})
    QdrantServerMoveIndex("http://local", client=client).upsert(changed)
    assert index.digests() == _expected([*MOVES[:2], changed, *MOVES[3:10]])
