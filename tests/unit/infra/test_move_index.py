"""Test both move indexes on real engines: Qdrant Edge, the local engine of qdrant-client, and Edge over HTTP."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qdrant_client import QdrantClient

from infra.move_index import MoveIndex, MoveIndexError, MoveIndexLockedError
from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.points import SUMMARY_FIELD, NewPoint, StoredPoint, payload_of, point_id
from infra.move_index.server import QdrantServerMoveIndex
from tests.paths import PROJECT
from tests.qdrant_in_memory import IN_MEMORY
from tests.unit.infra.moves import MOVES, fill, make_move

pytestmark = IN_MEMORY


def cosine(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))


def test_an_empty_index_returns_empty_results(index: MoveIndex) -> None:
    assert index.count() == 0
    assert index.search(vector=MOVES[0].embedding) == []
    assert index.search() == []
    assert index.all_moves() == []
    assert index.get(MOVES[0].clip.sha256) is None
    assert len(index.version()) == 64


def test_a_stored_move_is_returned_complete(index: MoveIndex) -> None:
    fill(index)
    move = index.get(MOVES[7].clip.sha256)
    assert move is not None
    assert move.summary() == MOVES[7].summary()
    np.testing.assert_allclose(move.embedding, MOVES[7].embedding, atol=1e-6)


def test_search_is_exact_and_ordered(index: MoveIndex) -> None:
    fill(index)
    query = make_move(99).embedding
    hits = index.search(vector=query, limit=8)
    expected = sorted(MOVES, key=lambda move: -cosine(move.embedding, query))[:8]
    assert [hit.move.name for hit in hits] == [move.name for move in expected]
    np.testing.assert_allclose(
        [hit.similarity for hit in hits], [cosine(m.embedding, query) for m in expected], atol=1e-6
    )


def test_a_search_applies_all_filters(index: MoveIndex) -> None:
    fill(index)
    hits = index.search(
        vector=MOVES[0].embedding,
        tempo_bpm=(103.0, 120.0),
        difficulties=("beginner", "intermediate"),
        energies=("high",),
        limit=50,
    )
    expected = {
        move.name
        for move in MOVES
        if 103 <= move.tempo_bpm <= 120 and move.difficulty != "advanced" and move.energy == "high"
    }
    assert {hit.move.name for hit in hits} == expected
    assert len(expected) > 2


def test_the_tempo_range_includes_both_ends(index: MoveIndex) -> None:
    fill(index)
    assert {hit.move.tempo_bpm for hit in index.search(tempo_bpm=(103.0, 105.0))} == {103.0, 104.0, 105.0}


def test_a_search_without_a_vector_does_not_depend_on_the_order_of_writes(tmp_path: Path) -> None:
    first, second = (
        EdgeMoveIndex(tmp_path / "a"),
        QdrantServerMoveIndex("http://local", client=QdrantClient(":memory:")),
    )
    fill(first)
    fill(second, MOVES[::-1])
    for limit in (3, 50):
        hits = [index.search(energies=("low",), limit=limit) for index in (first, second)]
        assert hits[0] == hits[1]
        assert all(hit.similarity == 0 for hit in hits[0])
    first.close()
    second.close()


@pytest.mark.parametrize("limit", [1, 7, 60])
def test_ties_at_the_limit_do_not_depend_on_the_order_of_writes(tmp_path: Path, limit: int) -> None:
    ties = [make_move(number).model_copy(update={"embedding": MOVES[0].embedding}) for number in range(40)]
    moves = [*ties, *(make_move(number) for number in range(40, 60))]
    indexes: list[MoveIndex] = [
        EdgeMoveIndex(tmp_path / "a"),
        EdgeMoveIndex(tmp_path / "b"),
        QdrantServerMoveIndex("http://local", client=QdrantClient(":memory:")),
    ]
    for index, order in zip(indexes, (moves, moves[::-1], moves[30:] + moves[:30]), strict=True):
        fill(index, order)
    hits = [[hit.move.name for hit in index.search(vector=MOVES[0].embedding, limit=limit)] for index in indexes]
    assert hits[0] == hits[1] == hits[2]
    assert len(hits[0]) == limit
    for index in indexes:
        index.close()


def test_a_clip_that_is_indexed_again_replaces_its_move(index: MoveIndex) -> None:
    fill(index)
    before = index.version()
    index.upsert(MOVES[3].model_copy(update={"move": "dip", "difficulty": "advanced", "tempo_bpm": 200.0}))
    assert index.count() == len(MOVES)
    assert index.version() != before
    assert [hit.move.move for hit in index.search(tempo_bpm=(199, 201))] == ["dip"]
    index.upsert(MOVES[3])
    assert index.version() == before
    assert index.search(tempo_bpm=(199, 201)) == []


def test_a_search_after_a_change_returns_the_changed_move(index: MoveIndex) -> None:
    fill(index)
    query = MOVES[3].embedding
    assert index.search(vector=query, limit=1)[0].move == MOVES[3].summary()
    changed = MOVES[3].model_copy(update={"move": "dip"})
    index.upsert(changed)
    assert index.search(vector=query, limit=1)[0].move == changed.summary()


def test_the_version_does_not_depend_on_order_or_engine(tmp_path: Path) -> None:
    edge, server = EdgeMoveIndex(tmp_path / "a"), QdrantServerMoveIndex("http://local", client=QdrantClient(":memory:"))
    fill(edge)
    fill(edge)
    fill(server, MOVES[15:] + MOVES[:15])
    assert edge.version() == server.version()
    edge.close()
    server.close()


def test_an_unchanged_move_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = EdgeMoveIndex(tmp_path / "a")
    fill(index)
    written: list[str] = []
    put = index._put

    def recorded_put(points: Sequence[NewPoint]) -> None:
        written.extend(point.id for point in points)
        put(points)

    monkeypatch.setattr(index, "_put", recorded_put)
    fill(index)
    assert not written
    index.upsert(make_move(77))
    assert len(written) == 1
    index.close()


def test_all_moves_are_sorted_by_name_with_and_without_embeddings(index: MoveIndex) -> None:
    fill(index, MOVES[::-1])
    assert [move.name for move in index.all_moves()] == [move.name for move in MOVES]
    assert index.all_moves(embeddings=False) == [move.summary() for move in MOVES]


@pytest.mark.parametrize(
    "reopen",
    [
        EdgeMoveIndex,
        lambda folder: QdrantServerMoveIndex("http://local", client=QdrantClient(path=str(folder))),
    ],
    ids=["edge", "server"],
)
def test_a_reopened_index_gives_the_same_results(tmp_path: Path, reopen: Callable[[Path], MoveIndex]) -> None:
    index = reopen(tmp_path / "index")
    fill(index)
    index.flush()
    version, hits = index.version(), index.search(vector=MOVES[1].embedding, limit=30)
    index.close()
    reopened = reopen(tmp_path / "index")
    assert reopened.version() == version
    actual = reopened.search(vector=MOVES[1].embedding, limit=30)
    assert [hit.move for hit in actual] == [hit.move for hit in hits]
    np.testing.assert_allclose([hit.similarity for hit in actual], [hit.similarity for hit in hits], atol=1e-6)
    reopened.close()


WRITE_MOVES_CODE = """
import sys
from pathlib import Path
from infra.move_index.edge import EdgeMoveIndex
from schemas.move_indexed import Move
moves = [Move.model_validate_json(line) for line in Path(sys.argv[1]).read_text().splitlines()]
index = EdgeMoveIndex(Path(sys.argv[2]))
for number in range(1000):
    for move in moves:
        index.upsert(move.model_copy(update={"move": f"move_{number}"}))
        print(move.name, flush=True)
"""


def test_stored_moves_survive_kill_9(tmp_path: Path) -> None:
    root, folder = PROJECT, tmp_path / "killed"
    (tmp_path / "moves.jsonl").write_text("\n".join(move.model_dump_json() for move in MOVES))
    command = [sys.executable, "-c", WRITE_MOVES_CODE, str(tmp_path / "moves.jsonl"), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        stored = [process.stdout.readline().strip() for _ in range(17)]
        with pytest.raises(MoveIndexLockedError, match="stop it first"):
            EdgeMoveIndex(folder).count()
        process.send_signal(signal.SIGKILL)
    index = EdgeMoveIndex(folder)
    assert {move.name for move in index.all_moves()} >= set(stored)
    fill(index)
    assert index.all_moves(embeddings=False) == [move.summary() for move in MOVES]
    index.close()


def test_a_closed_index_raises(tmp_path: Path) -> None:
    index = EdgeMoveIndex(tmp_path / "a")
    index.close()
    index.close()
    with pytest.raises(MoveIndexError, match="closed"):
        index.search()


def test_threads_can_share_an_index(index: MoveIndex) -> None:
    faults: list[Exception] = []

    def use_index(first: int) -> None:
        try:
            for move in MOVES[first::3]:
                index.upsert(move)
                index.version()
                index.search(vector=move.embedding, limit=3)
        except Exception as error:  # noqa: BLE001
            faults.append(error)

    threads = [threading.Thread(target=use_index, args=(first,)) for first in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert index.count() == len(MOVES)


def test_workers_on_one_server_read_each_others_moves() -> None:
    shared = QdrantClient(":memory:")
    first, second = (QdrantServerMoveIndex("http://local", client=shared) for _ in range(2))
    fill(first, MOVES[:10])
    assert second.version() == first.version()
    changed = MOVES[2].model_copy(update={"move": "dip"})
    second.upsert(changed)
    after = first.version()
    assert after == second.version()
    first.upsert(MOVES[2])
    assert second.version() == first.version() != after
    shared.delete("bachata_moves", points_selector=[str(p.id) for p in shared.scroll("bachata_moves", limit=1)[0]])
    assert first.version() == second.version()
    assert first.count() == 9


def test_the_version_reads_only_new_points(monkeypatch: pytest.MonkeyPatch) -> None:
    index = QdrantServerMoveIndex("http://local", client=QdrantClient(":memory:"))
    clock = [1000.0]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    fill(index, MOVES[:20])
    index.version()
    clock[0] += 3600
    fill(index, MOVES[20:])
    index.version()
    read_counts: list[int] = []
    page = index._page

    def recorded_page(*arguments: Any, **options: Any) -> tuple[list[StoredPoint], str | None]:
        points, offset = page(*arguments, **options)
        read_counts.append(len(points))
        return points, offset

    monkeypatch.setattr(index, "_page", recorded_page)
    index.version()
    assert sum(read_counts) == 10
    index.close()


def test_an_emptied_collection_has_the_version_of_an_empty_index() -> None:
    shared = QdrantClient(":memory:")
    index = QdrantServerMoveIndex("http://local", client=shared)
    empty = index.version()
    fill(index, MOVES[:3])
    assert index.version() != empty
    shared.delete("bachata_moves", points_selector=[str(p.id) for p in shared.scroll("bachata_moves")[0]])
    assert index.version() == empty


def test_a_move_in_another_versions_format_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    index = EdgeMoveIndex(tmp_path / "edge")
    fill(index)
    old = make_move(77)
    payload = {**payload_of(old, "digest"), SUMMARY_FIELD: '{"format": "other"}'}
    index._put([NewPoint(point_id(old.clip.sha256), payload, old.embedding)])
    assert len(index.all_moves()) == len(index.all_moves(embeddings=False)) == len(MOVES)
    assert len(index.search(vector=old.embedding, limit=1000)) == len(MOVES)
    assert index.get(old.clip.sha256) is None
    assert sum("is left out until its clip is indexed again" in record.message for record in caplog.records) == 1
    index.close()
