"""An index that is built beside another one replaces it atomically."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import pytest
from qdrant_client import models
from qdrant_client.http.exceptions import ResponseHandlingException

from infra.move_index import MoveIndex
from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.server import QdrantServerMoveIndex
from schemas.faults import Unavailable
from tests.chaos.faulty_qdrant_server import FaultyQdrantServer
from tests.qdrant_in_memory import IN_MEMORY
from tests.unit.infra.moves import MOVES, fill

pytestmark = IN_MEMORY


def test_the_old_index_is_searched_until_the_new_one_takes_its_place(index: MoveIndex) -> None:
    index.upsert(*MOVES[:10])
    before = index.version()
    built = index.replacement()
    built.upsert(*MOVES[5:])
    assert (index.version(), index.count()) == (before, 10)
    expected = built.version()
    index.replace_by(built)
    assert (index.version(), index.count()) == (expected, 25)
    assert index.get(MOVES[0].clip.sha256) is None
    assert index.search(vector=MOVES[20].embedding, limit=1)[0].move == MOVES[20].summary()
    index.upsert(MOVES[0])
    assert index.count() == 26


def test_searches_find_one_or_the_other_while_it_is_replaced(tmp_path: Path) -> None:
    index = EdgeMoveIndex(tmp_path / "edge")
    index.upsert(*MOVES[:10])
    built = index.replacement()
    built.upsert(*MOVES)
    found: set[int] = set()
    ends = threading.Event()

    def search() -> None:
        while not ends.is_set():
            found.add(len(index.search(limit=100)))

    thread = threading.Thread(target=search)
    thread.start()
    index.replace_by(built)
    ends.set()
    thread.join()
    assert found <= {10, len(MOVES)}
    assert len(index.search(limit=100)) == len(MOVES)
    index.close()


def test_a_swap_that_was_killed_between_its_steps_brings_back_the_old_folder(tmp_path: Path) -> None:
    index = EdgeMoveIndex(tmp_path / "edge")
    index.upsert(*MOVES[:10])
    index.close()
    (tmp_path / "edge").rename(tmp_path / "edge.old")
    index = EdgeMoveIndex(tmp_path / "edge")
    assert index.count() == 10
    index.close()


def test_what_a_killed_rebuild_left_is_removed(tmp_path: Path) -> None:
    index = EdgeMoveIndex(tmp_path / "edge")
    index.upsert(*MOVES[:10])
    killed = index.replacement()
    killed.upsert(*MOVES[:5])
    killed.close()
    built = index.replacement()
    assert built.count() == 0
    index.replace_by(built)
    assert index.count() == 0
    index.close()
    assert [path.name for path in tmp_path.iterdir()] == ["edge"]
    shutil.rmtree(tmp_path / "edge")


def test_what_a_killed_rebuild_left_is_removed_when_the_index_is_opened(tmp_path: Path) -> None:
    index = EdgeMoveIndex(tmp_path / "edge")
    index.upsert(*MOVES[:10])
    killed = index.replacement()
    killed.upsert(*MOVES[:5])
    killed.close()
    index.close()
    shutil.copytree(tmp_path / "edge", tmp_path / "edge.old")
    index = EdgeMoveIndex(tmp_path / "edge")
    assert index.count() == 10
    assert [path.name for path in tmp_path.iterdir()] == ["edge"]
    built = index.replacement()
    built.upsert(*MOVES[:3])
    index._close_shard()
    assert (index.count(), built.count()) == (10, 3), "a rebuild that runs is kept when the engine is opened again"
    index.replace_by(built)
    index.close()


def test_workers_on_one_server_go_on_with_the_new_collection(tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path) as server:
        first, second = QdrantServerMoveIndex(server.url), QdrantServerMoveIndex(server.url)
        fill(first, MOVES[:5])
        assert second.version() == first.version()
        built = first.replacement()
        fill(built, MOVES[3:8])
        second.upsert(MOVES[20])  # into the old collection
        first.replace_by(built)
        assert len(server.collections()) == 1
        assert second.count() == 5
        assert second.version() == first.version()
        second.upsert(MOVES[20])
        assert first.count() == 6
        for index in (first, second):
            index.close()


def test_a_collection_of_an_earlier_version_is_used_and_a_rebuild_gives_it_an_alias(tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path) as server:
        server.add_plain_collection("bachata_moves")
        index = QdrantServerMoveIndex(server.url)
        fill(index, MOVES[:3])
        assert server.collections() == {"bachata_moves": 3}
        assert index.description()["collection"] == "bachata_moves"
        built = index.replacement()
        fill(built, MOVES[:4])
        index.replace_by(built)
        assert list(server.collections().values()) == [4]
        assert index.description()["collection"] != "bachata_moves"
        assert index.count() == 4
        index.close()


def test_a_lost_new_collection_is_not_created_again_without_its_moves(tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path) as server:
        index = QdrantServerMoveIndex(server.url)
        fill(index, MOVES[:3])
        built = index.replacement()
        fill(built, MOVES[:4])
        server.drop_collection()
        for _ in range(2):
            with pytest.raises(Exception, match="doesn't exist"):
                fill(built, MOVES[4:5])
        index.close()
        built.close()


def test_an_alias_that_is_not_changed_in_time_deletes_nothing(tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path) as server:
        index = QdrantServerMoveIndex(server.url)
        fill(index, MOVES[:3])
        built = index.replacement()
        fill(built, MOVES[:4])
        server.ignore_alias_changes()
        with pytest.raises(Unavailable, match=r"is not changed to .* in time"):
            index.replace_by(built)
        assert sorted(server.collections().values()) == [3, 4]
        assert index.count() == 3
        index.close()
        built.close()


def test_a_worker_that_finds_no_collection_during_the_swap_of_an_old_one_does_not_undo_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultyQdrantServer(tmp_path) as server:
        server.add_plain_collection("bachata_moves")
        index, other = QdrantServerMoveIndex(server.url), QdrantServerMoveIndex(server.url)
        fill(index, MOVES[:3])
        built = index.replacement()
        fill(built, MOVES[:4])
        create, point_alias = other._collections._create_unless_there, index._collections._point_alias_to
        in_gap, made = threading.Event(), threading.Event()

        def create_in_the_gap(name: str) -> None:
            in_gap.set()
            create(name)
            made.set()
            swapping.join()

        def point_alias_after_it(name: str) -> None:
            worker.start()
            made.wait(10)
            point_alias(name)

        monkeypatch.setattr(other._collections, "_create_unless_there", create_in_the_gap)
        monkeypatch.setattr(index._collections, "_point_alias_to", point_alias_after_it)
        counts: list[int] = []
        worker = threading.Thread(target=lambda: counts.append(other.count()))
        swapping = threading.Thread(target=lambda: index.replace_by(built))
        swapping.start()
        assert in_gap.wait(10)
        swapping.join()
        worker.join()
        assert counts == [4]
        assert index.count() == 4
        assert list(server.collections().values()) == [4], "what it has made is removed"
        for each in (index, other):
            each.close()


def test_an_old_collection_that_cannot_be_deleted_is_deleted_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultyQdrantServer(tmp_path) as server:
        index = QdrantServerMoveIndex(server.url)
        fill(index, MOVES[:3])
        built = index.replacement()
        fill(built, MOVES[:4])
        delete = index._client.delete_collection
        error = ResponseHandlingException(TimeoutError("timed out"))

        def fail(name: str) -> bool:
            raise error

        monkeypatch.setattr(index._client, "delete_collection", fail)
        index.replace_by(built)
        assert index.count() == 4
        assert sorted(server.collections().values()) == [3, 4]
        monkeypatch.setattr(index._client, "delete_collection", delete)
        index.close()
        again = QdrantServerMoveIndex(server.url)
        assert again.count() == 4
        assert list(server.collections().values()) == [4]
        again.close()


def test_collections_that_an_alias_names_and_new_ones_are_kept(tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path) as server:
        index = QdrantServerMoveIndex(server.url)
        fill(index, MOVES[:3])
        new = f"bachata_moves_{time.time_ns() // 1_000_000}"
        remaining = ["bachata_moves_1000000000001", new, "bachata_moves_2", "others_1000000000000"]
        for name in ("bachata_moves_1000000000000", *remaining):
            server.add_plain_collection(name)
        alias = models.CreateAlias(collection_name=remaining[0], alias_name="of_another_program")
        index._client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])
        index.replacement().close()
        assert {*remaining, "bachata_moves_0"} < set(server.collections())
        assert "bachata_moves_1000000000000" not in server.collections()
        index.close()


def test_a_new_collection_has_no_graph_since_searches_are_exact(tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path) as server:
        index = QdrantServerMoveIndex(server.url)
        fill(index, MOVES[:3])
        assert server.info("bachata_moves")["config"]["hnsw_config"]["m"] == 0
        index.close()
