"""The index is rebuilt from the topics while the old one is searched."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.move_index.server import QdrantServerMoveIndex
from tests.broker.conftest import DataFolder, publish_moves, wait_until
from tests.chaos.faulty_qdrant_server import FaultyQdrantServer
from tests.unit.infra.moves import MOVES, make_move

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def test_a_rebuild_gives_the_same_library_and_never_an_empty_one(
    data_folder: DataFolder, one_move: dict[str, Any]
) -> None:
    clip = one_move["clips"][0]["clip"]
    data_folder.bachata("moves", "edit", clip, "--style", "Sensual")
    before = data_folder.library()
    counts, ends = set(), threading.Event()

    def watch() -> None:
        while not ends.is_set():
            counts.add(data_folder.library()["moves"])

    watching = threading.Thread(target=watch)
    watching.start()
    result = data_folder.bachata("qdrant", "rebuild")
    ends.set()
    watching.join()
    assert result.exit_code == 0, result.stderr
    [rebuilt] = result.json["rebuilt"]
    assert (rebuilt["state"], rebuilt["moves"], rebuilt["old_moves"]) == ("done", before["moves"], before["moves"])
    assert counts == {before["moves"]}
    assert data_folder.library() == before
    found = data_folder.bachata("moves", "search", "--style", "SENSUAL").json["moves"]
    assert [move["clip"] for move in found] == [clip]
    data_folder.bachata("moves", "edit", clip, "--clear", "style")
    assert data_folder.health()["ready"]
    status = data_folder.bachata("qdrant", "status").json
    assert (status["backend"], status["reachable"], status["moves"]) == ("embedded", True, before["moves"])


@dataclass(frozen=True)
class _QdrantFolder(DataFolder):
    """A data folder whose moves are on a Qdrant server."""

    qdrant_url: str

    @property
    def env(self) -> dict[str, str]:
        return super().env | {"BACHATA_QDRANT_URL": self.qdrant_url, "BACHATA_QDRANT_API_KEY": "key"}


def _moves(folder: DataFolder) -> set[str]:
    return {move["move"] for move in folder.bachata("moves", "list").json["moves"]}


def test_a_collection_on_a_server_is_replaced_by_one_without_what_does_not_belong_there(tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path / "server", api_key="key") as server:
        server.add_plain_collection("bachata_moves")  # as an earlier version made it
        folder = _QdrantFolder(tmp_path / "data_folder", server.url)
        with folder.up():
            publish_moves(folder, MOVES)
            wait_until(lambda: folder.library()["moves"] == len(MOVES), 60)
            version = folder.library()["version"]
            stray = QdrantServerMoveIndex(server.url, "key")
            unknown = make_move(300)
            stray.upsert(unknown, MOVES[0].model_copy(update={"move": "another"}))
            wait_until(lambda: _moves(folder) == {unknown.move} | {move.move for move in MOVES}, 30)
            assert folder.bachata("qdrant", "status").json["unknown"] == [unknown.clip.sha256]
            server.slow_down(0.02)
            rebuilt = folder.bachata("qdrant", "rebuild")
            assert rebuilt.exit_code == 0, rebuilt.stderr
            assert folder.library() == {"version": version, "moves": len(MOVES)}
            assert list(server.collections().values()) == [len(MOVES)]
            assert stray.version() == version
            stray.close()
            publish_moves(folder, [make_move(301)])
            wait_until(lambda: folder.library()["moves"] == len(MOVES) + 1, 60)
            server.refuse()
            away = folder.bachata("qdrant", "status").json
            assert (away["backend"], away["reachable"]) == ("server", False)
            assert "does not answer" in away["error"]
            server.recover()
