"""A Qdrant server that is away for a while: said in one line, bounded in time, and whole again afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from infra.move_index import server
from infra.move_index.server import QdrantServerMoveIndex
from schemas.faults import Fault, Poison, Unavailable
from tests.chaos.faulty_qdrant_server import FaultyQdrantServer
from tests.unit.infra.moves import MOVES, away, fill


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[FaultyQdrantServer]:
    """A server that is well."""
    with FaultyQdrantServer(tmp_path / "server") as gate:
        yield gate


@pytest.fixture
def served(gate: FaultyQdrantServer) -> Iterator[QdrantServerMoveIndex]:
    """The index on it, three moves in."""
    index = QdrantServerMoveIndex(gate.url)
    fill(index, MOVES[:3])
    yield index
    index.close()


def rested() -> None:
    """Let the rest after a fault pass."""
    time.sleep(server._RETRY_AFTER_S)


MISDEEDS: list[tuple[Callable[[FaultyQdrantServer], None], str]] = [
    (FaultyQdrantServer.refuse, "refused"),
    (FaultyQdrantServer.hang, "timed out"),
    (FaultyQdrantServer.fail, "500 Internal Server Error .Service internal error"),
]


@pytest.mark.parametrize(("misbehave", "said"), MISDEEDS, ids=["refuses", "hangs", "fails"])
def test_a_server_that_is_away_comes_back(
    gate: FaultyQdrantServer,
    monkeypatch: pytest.MonkeyPatch,
    misbehave: Callable[[FaultyQdrantServer], None],
    said: str,
) -> None:
    monkeypatch.setattr(server, "_ANSWER_WITHIN_S", 1)
    index = QdrantServerMoveIndex(gate.url)
    fill(index, MOVES[:3])
    version = index.version()
    misbehave(gate)
    with pytest.raises(Unavailable, match=said) as caught:
        index.upsert(MOVES[3])
    assert caught.value.reason == "qdrant_away"
    assert gate.url in str(caught.value)
    assert {str(fault) for fault in away(index)} == {str(caught.value)}
    gate.recover()
    rested()
    assert index.version() == version
    index.upsert(MOVES[3])
    assert index.count() == gate.count() == 4
    index.close()


def test_a_server_that_is_away_keeps_nobody_from_starting(gate: FaultyQdrantServer) -> None:
    gate.refuse()
    index = QdrantServerMoveIndex(gate.url)
    assert {fault.reason for fault in away(index)} == {"qdrant_away"}
    gate.recover()
    rested()
    fill(index, MOVES[:3])
    assert gate.count() == 3
    index.close()


def test_who_waits_for_a_hanging_server_is_told_together(
    gate: FaultyQdrantServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_ANSWER_WITHIN_S", 1)
    index = QdrantServerMoveIndex(gate.url)
    gate.hang()
    told: list[str] = []

    def ask() -> None:
        with pytest.raises(Unavailable) as caught:
            index.count()
        told.append(str(caught.value))

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 5
    assert gate.calls == 1
    index.close()


def test_a_server_that_lost_the_collection_gets_a_new_one(
    gate: FaultyQdrantServer, served: QdrantServerMoveIndex
) -> None:
    empty = QdrantServerMoveIndex(gate.url)
    gate.drop_collection()
    with pytest.raises(Unavailable, match=r"404 Not Found .*doesn't exist") as caught:
        served.search(vector=MOVES[0].embedding)
    assert caught.value.reason == "qdrant_refuses"
    assert served.count() == 0
    assert served.version() == empty.version()
    fill(served, MOVES[:2])
    assert gate.count() == 2
    empty.close()


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(Poison, match="BACHATA_QDRANT_URL is 'ftp://x'") as caught:
        QdrantServerMoveIndex("ftp://x")
    assert caught.value.reason == "settings"


@contextmanager
def answering(status: int) -> Iterator[str]:
    """A server that has this status for everything."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
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
def test_only_a_faulty_request_condemns_the_event(status: int, fault: type[Fault], reason: str) -> None:
    with answering(status) as url, pytest.raises(fault) as caught:
        QdrantServerMoveIndex(url).count()
    assert caught.value.reason == reason
