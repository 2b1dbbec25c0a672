"""A Qdrant that cannot be used is found out within seconds, in one line that names the setting."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from infra.move_index import check, check_qdrant
from infra.move_index.server import QdrantServerMoveIndex
from infra.settings import load_settings
from schemas.faults import Poison, Retryable, Unavailable
from tests.chaos.faulty_qdrant_server import FaultyQdrantServer

_SECRET = "hunter2-is-secret"  # noqa: S105 - of these tests only


@contextmanager
def _serving(status: int, body: bytes) -> Iterator[str]:
    """Yield the URL of a server with one answer for all requests."""

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write no log."""

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _check(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("BACHATA_QDRANT_URL", url)
    monkeypatch.setenv("BACHATA_QDRANT_API_KEY", _SECRET)
    check_qdrant(load_settings())


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"<html>hello</html>", "where no Qdrant answers, but another program"),
        (200, b'{"result": []}', "where no Qdrant answers, but another program"),
        (404, b"", "where no Qdrant answers, but another program"),
        (302, b"", "where no Qdrant answers, but another program"),
        (401, b"Invalid API key", "which refuses the key: correct BACHATA_QDRANT_API_KEY"),
        (403, b"forbidden", "which refuses the key: correct BACHATA_QDRANT_API_KEY"),
        (503, b"", "which does not answer: 503 Service Unavailable"),
    ],
)
def test_a_server_that_cannot_be_used_is_named(
    status: int, body: bytes, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _serving(status, body) as url, pytest.raises(Retryable) as caught:
        _check(monkeypatch, url)
    assert str(caught.value) == f"BACHATA_QDRANT_URL is {url}, {expected}"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1",
        "http://no-such-host.invalid:6333",
        "https://[::1]:1/qdrant",
        "http://xn--a:1",
    ],
)
def test_an_address_where_nothing_listens_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Retryable) as caught:
        _check(monkeypatch, url)
    assert str(caught.value).startswith(f"BACHATA_QDRANT_URL is {url}, which does not answer: ")
    assert caught.value.reason == "qdrant_away"


def test_a_server_without_tls_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with _serving(200, b"") as url, pytest.raises(Retryable, match="BACHATA_QDRANT_URL is https://"):
        _check(monkeypatch, url.replace("http:", "https:"))


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_TIMEOUT_S", 1)
    expected = "which does not answer: timed out"
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent, pytest.raises(Retryable, match=expected):
        _check(monkeypatch, f"http://127.0.0.1:{silent.server_port}")


def test_a_qdrant_is_accepted_and_gets_the_key_without_a_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with FaultyQdrantServer(tmp_path, api_key=_SECRET) as server:
        _check(monkeypatch, server.url)
        assert server.collections() == {}, "it creates nothing"


def test_an_address_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Poison, match=r"BACHATA_QDRANT_URL is 'http://\[::::\]:1', not a valid address"):
        _check(monkeypatch, "http://[::::]:1")


@pytest.mark.parametrize("version", ["1.14.1", "v1.9.0", "0.11.7"])
def test_a_server_that_is_too_old_is_named(version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path, api_key=_SECRET) as server:
        server.version = version
        expected = f"{server.url}, which has version {version}: at least 1.15 is needed"
        with pytest.raises(Retryable, match=expected) as caught:
            _check(monkeypatch, server.url)
        assert caught.value.reason == "qdrant_refuses"
        index = QdrantServerMoveIndex(server.url, _SECRET)
        with pytest.raises(Unavailable, match=f"has version {version}: at least 1.15 is needed"):
            index.count()
        assert server.collections() == {}
        index.close()


@pytest.mark.parametrize("version", ["1.15.0", "1.19.2", "2.0.0-rc1", "dev"])
def test_a_server_that_is_new_enough_is_used(version: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path, api_key=_SECRET) as server:
        server.version = version
        _check(monkeypatch, server.url)
