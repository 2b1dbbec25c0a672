"""Test a Qdrant server that cannot be used for a while: one-line faults, bounded waits, and full recovery."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from infra.move_index import requests
from infra.move_index.config import QdrantConfig
from infra.move_index.server import QdrantServerMoveIndex
from schemas.faults import Poison, Unavailable
from schemas.move_indexed import Move
from tests.chaos.faulty_qdrant_server import FaultyQdrantServer
from tests.chaos.qdrant_process import API_KEY, QdrantProcess
from tests.unit.infra.moves import MOVES, faults_of_all_calls, fill, make_move


@pytest.fixture
def index(qdrant: FaultyQdrantServer) -> Iterator[QdrantServerMoveIndex]:
    """Yield the index on this server, with three moves."""
    index = QdrantServerMoveIndex(qdrant.url)
    fill(index, MOVES[:3])
    yield index
    index.close()


def wait_for_next_attempt() -> None:
    """Wait until the index sends requests again after a fault."""
    time.sleep(requests._RETRY_AFTER_S)


FAULTS: list[tuple[Callable[[FaultyQdrantServer], None], str, float]] = [
    (FaultyQdrantServer.refuse, "refused", 10.0),
    (FaultyQdrantServer.hang, "timed out", 2.0),
    (FaultyQdrantServer.fail, "500 Internal Server Error .Service internal error", 10.0),
]


@pytest.mark.parametrize(("inject_fault", "message", "timeout_s"), FAULTS, ids=["refuses", "hangs", "fails"])
def test_an_index_recovers_with_its_server(
    qdrant: FaultyQdrantServer,
    inject_fault: Callable[[FaultyQdrantServer], None],
    message: str,
    timeout_s: float,
) -> None:
    index = QdrantServerMoveIndex(QdrantConfig.of_url(qdrant.url, timeout_s=timeout_s))
    fill(index, MOVES[:3])
    version = index.version()
    inject_fault(qdrant)
    with pytest.raises(Unavailable, match=message) as caught:
        index.upsert(MOVES[3])
    assert caught.value.reason == "qdrant_away"
    assert qdrant.url in str(caught.value)
    assert {str(fault) for fault in faults_of_all_calls(index)} == {str(caught.value)}
    qdrant.recover()
    wait_for_next_attempt()
    assert index.version() == version
    index.upsert(MOVES[3])
    assert index.count() == qdrant.count() == 4
    index.close()


def test_an_index_can_be_created_while_its_server_is_unavailable(qdrant: FaultyQdrantServer) -> None:
    qdrant.refuse()
    index = QdrantServerMoveIndex(qdrant.url)
    assert {fault.reason for fault in faults_of_all_calls(index)} == {"qdrant_away"}
    qdrant.recover()
    wait_for_next_attempt()
    fill(index, MOVES[:3])
    assert qdrant.count() == 3
    index.close()


def test_threads_that_wait_for_a_hanging_server_fail_together(qdrant: FaultyQdrantServer) -> None:
    index = QdrantServerMoveIndex(QdrantConfig.of_url(qdrant.url, timeout_s=1))
    qdrant.hang()
    messages: list[str] = []

    def count() -> None:
        with pytest.raises(Unavailable) as caught:
            index.count()
        messages.append(str(caught.value))

    threads = [threading.Thread(target=count) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(messages) == 5
    assert qdrant.calls == 1
    index.close()


def test_a_lost_collection_is_created_again(qdrant: FaultyQdrantServer, index: QdrantServerMoveIndex) -> None:
    empty = QdrantServerMoveIndex(qdrant.url)
    qdrant.drop_collection()
    with pytest.raises(Unavailable, match=r"404 Not Found .*doesn't exist") as caught:
        index.search(vector=MOVES[0].embedding)
    assert caught.value.reason == "qdrant_refuses"
    assert index.count() == 0
    assert index.version() == empty.version()
    fill(index, MOVES[:2])
    assert qdrant.count() == 2
    empty.close()


def test_an_invalid_address_is_reported() -> None:
    with pytest.raises(Poison, match="BACHATA_QDRANT_URL is 'ftp://x'") as caught:
        QdrantServerMoveIndex("ftp://x")
    assert caught.value.reason == "settings"


@contextmanager
def server_with_status(status: int) -> Iterator[str]:
    """Yield the address of a server that answers every request with this status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as http_server:
        thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http_server.server_port}"
        finally:
            http_server.shutdown()
            thread.join()


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection:UserWarning")
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "qdrant_refuses"),
        (422, "qdrant_refuses"),
        (401, "qdrant_refuses"),
        (403, "qdrant_refuses"),
        (409, "qdrant_refuses"),
        (413, "qdrant_refuses"),
        (429, "qdrant_away"),
        (503, "qdrant_away"),
    ],
)
def test_no_refusal_makes_work_fail_that_can_succeed_later(status: int, reason: str) -> None:
    with server_with_status(status) as url, pytest.raises(Unavailable) as caught:
        QdrantServerMoveIndex(url).count()
    assert caught.value.reason == reason


def test_a_server_that_is_killed_while_moves_arrive_has_all_of_them_once(tmp_path: Path) -> None:
    moves = [make_move(number) for number in range(60)]
    with QdrantProcess(tmp_path) as server:
        index = QdrantServerMoveIndex(QdrantConfig.of_url(server.url, api_key=API_KEY, timeout_s=5))
        kills = 0
        for number, move in enumerate(moves):
            if number in {7, 23, 41}:
                threading.Timer(0.005, server.process.kill).start()
            while not _is_stored(index, move):
                if server.process.wait(5) is not None:
                    kills += 1
                    server.start()
                wait_for_next_attempt()
        assert kills == 3
        assert sorted(move.name for move in index.all_moves()) == [move.name for move in moves]
        index.close()


def _is_stored(index: QdrantServerMoveIndex, move: Move) -> bool:
    """Store a move; return whether the server has it."""
    try:
        index.upsert(move)
    except Unavailable:
        return False
    return True


def test_requests_go_to_the_server_and_not_to_a_proxy(
    qdrant: FaultyQdrantServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # the discard port: nothing listens there
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    index = QdrantServerMoveIndex(qdrant.url)
    fill(index, MOVES[:1])
    assert index.count() == 1
    index.close()
