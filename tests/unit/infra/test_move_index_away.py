"""Test a Qdrant server that cannot be used for a while: one-line faults, bounded waits, and full recovery."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import grpc
import pytest

from infra.move_index import requests
from infra.move_index.config import QdrantConfig
from infra.move_index.server import QdrantServerMoveIndex
from schemas.faults import Fault, Poison, Unavailable
from schemas.move_indexed import Move
from tests.chaos.faulty_qdrant_server import FaultyQdrantServer
from tests.chaos.qdrant_process import API_KEY, QdrantProcess
from tests.unit.infra.moves import MOVES, faults_of_all_calls, fill, make_move


@pytest.fixture
def qdrant(tmp_path: Path) -> Iterator[FaultyQdrantServer]:
    """Yield a server, at first without faults."""
    with FaultyQdrantServer(tmp_path / "server") as qdrant:
        yield qdrant


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


FAULTS: list[tuple[Callable[[FaultyQdrantServer], None], str]] = [
    (FaultyQdrantServer.refuse, "refused"),
    (FaultyQdrantServer.hang, "timed out"),
    (FaultyQdrantServer.fail, "500 Internal Server Error .Service internal error"),
]


@pytest.mark.parametrize(("inject_fault", "message"), FAULTS, ids=["refuses", "hangs", "fails"])
def test_an_index_recovers_with_its_server(
    qdrant: FaultyQdrantServer,
    inject_fault: Callable[[FaultyQdrantServer], None],
    message: str,
) -> None:
    index = QdrantServerMoveIndex(QdrantConfig.of_url(qdrant.url, timeout_s=1))
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
    ("status", "fault", "reason"),
    [
        (400, Poison, "qdrant_refuses"),
        (422, Poison, "qdrant_refuses"),
        (401, Unavailable, "qdrant_refuses"),
        (403, Unavailable, "qdrant_refuses"),
        (409, Unavailable, "qdrant_refuses"),
        (429, Unavailable, "qdrant_away"),
        (503, Unavailable, "qdrant_away"),
    ],
)
def test_only_an_invalid_request_is_poison(status: int, fault: type[Fault], reason: str) -> None:
    with server_with_status(status) as url, pytest.raises(fault) as caught:
        QdrantServerMoveIndex(url).count()
    assert caught.value.reason == reason


def test_a_slow_server_gets_smaller_writes_until_they_end_in_time(tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path) as server:
        index = QdrantServerMoveIndex(QdrantConfig.of_url(server.url, timeout_s=1))
        index.count()
        server.slow_down(0.05)  # 128 points: 6.4 s
        moves = [make_move(number) for number in range(40)]
        faults: list[Unavailable] = []
        while index.count() < len(moves):
            try:
                index.upsert(*moves)
            except Unavailable as fault:
                faults.append(fault)
                wait_for_next_attempt()
        assert 0 < len(faults) <= 3
        assert all(fault.reason == "qdrant_away" and "timed out" in str(fault) for fault in faults)
        assert sorted(move.name for move in index.all_moves()) == [move.name for move in moves]
        index.close()


def test_searches_are_answered_between_the_parts_of_a_slow_write(tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path) as server:
        index = QdrantServerMoveIndex(QdrantConfig.of_url(server.url, timeout_s=30))
        index.upsert(*MOVES[:3])
        server.slow_down(0.004)
        writing = threading.Thread(target=lambda: index.upsert(*(make_move(number) for number in range(600))))
        writing.start()
        counts = set()
        while writing.is_alive():
            counts.add(len(index.search(limit=1000)))
        writing.join()
        assert len(counts) > 1
        assert index.count() == 600
        index.close()


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


class _GrpcServer(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers every call with one status."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    def service(self, handler_call_details: object) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(lambda _, context: context.abort(self._code, "because"))


@pytest.mark.parametrize(
    ("code", "fault", "reason"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, Poison, "qdrant_refuses"),
        (grpc.StatusCode.UNAUTHENTICATED, Unavailable, "qdrant_refuses"),
        (grpc.StatusCode.NOT_FOUND, Unavailable, "qdrant_refuses"),
        (grpc.StatusCode.UNAVAILABLE, Unavailable, "qdrant_away"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Unavailable, "qdrant_away"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Unavailable, "qdrant_away"),
    ],
)
def test_grpc_is_used_and_its_errors_mean_the_same(code: grpc.StatusCode, fault: type[Fault], reason: str) -> None:
    server = grpc.server(ThreadPoolExecutor(2), handlers=[_GrpcServer(code)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        index = QdrantServerMoveIndex(QdrantConfig(host="127.0.0.1", port=9, grpc_port=port, timeout_s=2))
        with pytest.raises(fault) as caught:
            index.count()
        assert caught.value.reason == reason
        assert "because" in str(caught.value) or code is grpc.StatusCode.RESOURCE_EXHAUSTED
        index.close()
    finally:
        server.stop(0)


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
