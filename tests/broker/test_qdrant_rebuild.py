"""The embedded index is rebuilt from the topics while the old one is searched, on request and by itself."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from infra.move_index.edge import EdgeMoveIndex
from infra.settings import Settings
from streams.local.services import running_worker
from tests.broker.conftest import DataFolder, wait_until
from tests.paths import DEMO
from tests.unit.infra.moves import MOVES

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


def test_an_index_with_other_moves_is_searched_until_it_is_replaced(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data_folder")
    with folder.up():
        assert folder.bachata("index", DEMO / "clips" / "basic_side.mp4").exit_code == 0
        version = folder.library()["version"]
    edge = EdgeMoveIndex(folder.path / "state" / "worker-0" / "moves" / "edge")
    edge.upsert(*MOVES[:2])
    edge.close()
    with folder.up():
        wait_until(lambda: running_worker(Settings(data_dir=folder.path)) is not None, 60)
        wait_until(lambda: folder.library() == {"version": version, "moves": 1}, 60)
        wait_until(lambda: bool(folder.health()["ready"]), 60)
