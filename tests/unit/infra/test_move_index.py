"""Both move indexes, on real engines: Qdrant Edge over a folder, qdrant-client's own, and Edge behind HTTP."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qdrant_client import QdrantClient

from infra.move_index import MoveIndex, MoveIndexError, MoveIndexLockedError
from infra.move_index.base import _payload, point_id
from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.server import QdrantServerMoveIndex
from tests.chaos.qdrant_gate import QdrantGate
from tests.unit.infra.moves import MOVES, fill, make_move

pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant:UserWarning"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact:UserWarning"),
]


@pytest.fixture(params=["edge", "server", "served"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MoveIndex]:
    """Every kind: embedded, on the client's local engine, and over HTTP."""
    with ExitStack() as kept:
        opened: MoveIndex
        if request.param == "edge":
            opened = EdgeMoveIndex(tmp_path / "edge")
        elif request.param == "server":
            opened = QdrantServerMoveIndex("local", client=QdrantClient(":memory:"))
        else:
            opened = QdrantServerMoveIndex(kept.enter_context(QdrantGate(tmp_path)).url)
        yield opened
        opened.close()


def cosine(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))


def test_an_empty_index_answers(index: MoveIndex) -> None:
    assert index.count() == 0
    assert index.search(vector=MOVES[0].embedding) == []
    assert index.search() == []
    assert index.all_moves() == []
    assert index.get(MOVES[0].clip.sha256) is None
    assert len(index.version()) == 64


def test_a_move_comes_back_whole(index: MoveIndex) -> None:
    fill(index)
    back = index.get(MOVES[7].clip.sha256)
    assert back is not None
    assert back.card() == MOVES[7].card()
    np.testing.assert_allclose(back.embedding, MOVES[7].embedding, atol=1e-6)


def test_search_is_exact_and_ordered(index: MoveIndex) -> None:
    fill(index)
    query = make_move(99).embedding
    hits = index.search(vector=query, limit=8)
    expected = sorted(MOVES, key=lambda move: -cosine(move.embedding, query))[:8]
    assert [hit.move.name for hit in hits] == [move.name for move in expected]
    np.testing.assert_allclose(
        [hit.similarity for hit in hits], [cosine(m.embedding, query) for m in expected], atol=1e-6
    )


def test_every_filter_filters(index: MoveIndex) -> None:
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


def test_the_ends_of_the_tempo_range_belong_to_it(index: MoveIndex) -> None:
    fill(index)
    assert {hit.move.tempo_bpm for hit in index.search(tempo_bpm=(103.0, 105.0))} == {103.0, 104.0, 105.0}


def test_a_search_without_a_vector_does_not_depend_on_the_order_of_arrival(tmp_path: Path) -> None:
    first, second = EdgeMoveIndex(tmp_path / "a"), QdrantServerMoveIndex("local", client=QdrantClient(":memory:"))
    fill(first)
    fill(second, MOVES[::-1])
    for limit in (3, 50):
        found = [index.search(energies=("low",), limit=limit) for index in (first, second)]
        assert found[0] == found[1]
        assert all(hit.similarity == 0 for hit in found[0])
    first.close()
    second.close()


@pytest.mark.parametrize("limit", [0, 1, 7, 60])
def test_equals_at_the_limit_do_not_depend_on_the_order_of_arrival(tmp_path: Path, limit: int) -> None:
    alike = [make_move(number).model_copy(update={"embedding": MOVES[0].embedding}) for number in range(40)]
    moves = [*alike, *(make_move(number) for number in range(40, 60))]
    indexes: list[MoveIndex] = [
        EdgeMoveIndex(tmp_path / "a"),
        EdgeMoveIndex(tmp_path / "b"),
        QdrantServerMoveIndex("local", client=QdrantClient(":memory:")),
    ]
    for index, order in zip(indexes, (moves, moves[::-1], moves[30:] + moves[:30]), strict=True):
        fill(index, order)
    found = [[hit.move.name for hit in index.search(vector=MOVES[0].embedding, limit=limit)] for index in indexes]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == limit
    for index in indexes:
        index.close()


def test_a_clip_that_comes_again_replaces_itself(index: MoveIndex) -> None:
    fill(index)
    before = index.version()
    index.upsert(MOVES[3].model_copy(update={"move": "dip", "difficulty": "advanced", "tempo_bpm": 200.0}))
    assert index.count() == len(MOVES)
    assert index.version() != before
    assert [hit.move.move for hit in index.search(tempo_bpm=(199, 201))] == ["dip"]
    index.upsert(MOVES[3])
    assert index.version() == before
    assert index.search(tempo_bpm=(199, 201)) == []


def test_a_search_after_a_change_shows_the_change(index: MoveIndex) -> None:
    fill(index)
    query = MOVES[3].embedding
    assert index.search(vector=query, limit=1)[0].move == MOVES[3].card()
    changed = MOVES[3].model_copy(update={"move": "dip"})
    index.upsert(changed)
    assert index.search(vector=query, limit=1)[0].move == changed.card()


def test_the_version_does_not_depend_on_order_or_engine(tmp_path: Path) -> None:
    edge, server = EdgeMoveIndex(tmp_path / "a"), QdrantServerMoveIndex("local", client=QdrantClient(":memory:"))
    fill(edge)
    fill(edge)
    fill(server, MOVES[15:] + MOVES[:15])
    assert edge.version() == server.version()
    edge.close()
    server.close()


def test_the_same_move_again_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = EdgeMoveIndex(tmp_path / "a")
    fill(index)
    written: list[str] = []
    put = index._put

    def recorded_put(point: str, vector: Sequence[float], payload: dict[str, Any]) -> None:
        written.append(point)
        put(point, vector, payload)

    monkeypatch.setattr(index, "_put", recorded_put)
    fill(index)
    assert not written
    index.upsert(make_move(77))
    assert len(written) == 1
    index.close()


def test_all_moves_by_name_with_and_without_embeddings(index: MoveIndex) -> None:
    fill(index, MOVES[::-1])
    assert [move.name for move in index.all_moves()] == [move.name for move in MOVES]
    assert index.all_moves(embeddings=False) == [move.card() for move in MOVES]


@pytest.mark.parametrize(
    "reopen",
    [
        EdgeMoveIndex,
        lambda folder: QdrantServerMoveIndex("local", client=QdrantClient(path=str(folder))),
    ],
    ids=["edge", "server"],
)
def test_reopened_it_is_the_same(tmp_path: Path, reopen: Callable[[Path], MoveIndex]) -> None:
    index = reopen(tmp_path / "kept")
    fill(index)
    index.flush()
    version, hits = index.version(), index.search(vector=MOVES[1].embedding, limit=30)
    index.close()
    again = reopen(tmp_path / "kept")
    assert again.version() == version
    back = again.search(vector=MOVES[1].embedding, limit=30)
    assert [hit.move for hit in back] == [hit.move for hit in hits]
    np.testing.assert_allclose([hit.similarity for hit in back], [hit.similarity for hit in hits], atol=1e-6)
    again.close()


KILLED = """
import sys
from pathlib import Path
from infra.move_index.base import _payload, point_id
from infra.move_index.edge import EdgeMoveIndex
from schemas.move_indexed import Move
moves = [Move.model_validate_json(line) for line in Path(sys.argv[1]).read_text().splitlines()]
index = EdgeMoveIndex(Path(sys.argv[2]))
for turn in range(1000):
    for move in moves:
        index.upsert(move.model_copy(update={"move": f"move_{turn}"}))
        print(move.name, flush=True)
"""


def test_what_was_put_in_survives_kill_9(tmp_path: Path) -> None:
    root, folder = Path(__file__).parents[3], tmp_path / "killed"
    (tmp_path / "moves.jsonl").write_text("\n".join(move.model_dump_json() for move in MOVES))
    command = [sys.executable, "-c", KILLED, str(tmp_path / "moves.jsonl"), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        put_in = [process.stdout.readline().strip() for _ in range(17)]
        with pytest.raises(MoveIndexLockedError, match="stop it first"):
            EdgeMoveIndex(folder).count()
        process.send_signal(signal.SIGKILL)
    index = EdgeMoveIndex(folder)
    assert {move.name for move in index.all_moves()} >= set(put_in)
    fill(index)
    assert index.all_moves(embeddings=False) == [move.card() for move in MOVES]
    index.close()


def test_a_closed_index_says_so(tmp_path: Path) -> None:
    index = EdgeMoveIndex(tmp_path / "a")
    index.close()
    index.close()
    with pytest.raises(MoveIndexError, match="closed"):
        index.search()


def test_threads_may_share_it(index: MoveIndex) -> None:
    faults: list[Exception] = []

    def work(part: int) -> None:
        try:
            for move in MOVES[part::3]:
                index.upsert(move)
                index.version()
                index.search(vector=move.embedding, limit=3)
        except Exception as error:  # noqa: BLE001
            faults.append(error)

    threads = [threading.Thread(target=work, args=(part,)) for part in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert index.count() == len(MOVES)


def test_workers_on_one_server_see_each_other() -> None:
    shared = QdrantClient(":memory:")
    one, other = (QdrantServerMoveIndex("local", client=shared) for _ in range(2))
    fill(one, MOVES[:10])
    assert other.version() == one.version()
    changed = MOVES[2].model_copy(update={"move": "dip"})
    other.upsert(changed)
    after = one.version()
    assert after == other.version()
    one.upsert(MOVES[2])
    assert other.version() == one.version() != after
    shared.delete("bachata_moves", points_selector=[str(p.id) for p in shared.scroll("bachata_moves", limit=1)[0]])
    assert one.version() == other.version()
    assert one.count() == 9


def test_the_version_reads_only_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    index = QdrantServerMoveIndex("local", client=QdrantClient(":memory:"))
    clock = [1000.0]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    fill(index, MOVES[:20])
    index.version()
    clock[0] += 3600
    fill(index, MOVES[20:])
    index.version()
    read: list[int] = []
    learn = index._learn

    def recorded_learn(payloads: list[dict[str, Any]]) -> None:
        read.append(len(payloads))
        learn(payloads)

    monkeypatch.setattr(index, "_learn", recorded_learn)
    index.version()
    assert sum(read) == 10
    index.close()


def test_an_emptied_server_has_the_version_of_an_empty_one() -> None:
    shared = QdrantClient(":memory:")
    index = QdrantServerMoveIndex("local", client=shared)
    empty = index.version()
    fill(index, MOVES[:3])
    assert index.version() != empty
    shared.delete("bachata_moves", points_selector=[str(p.id) for p in shared.scroll("bachata_moves")[0]])
    assert index.version() == empty


def test_a_move_that_another_version_wrote_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    index = EdgeMoveIndex(tmp_path / "edge")
    fill(index)
    old = make_move(77)
    index._put(point_id(old.clip.sha256), old.embedding, {**_payload(old, "digest"), "card": '{"of": "another shape"}'})
    assert len(index.all_moves()) == len(index.all_moves(embeddings=False)) == len(MOVES)
    assert len(index.search(vector=old.embedding, limit=1000)) == len(MOVES)
    assert index.get(old.clip.sha256) is None
    assert sum("another version" in record.message for record in caplog.records) == 1
    index.close()
