"""A Qdrant that cannot be used is found out within seconds, in one line that names the setting."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from infra.move_index import check, check_qdrant
from infra.settings import load_settings
from schemas.faults import Retryable

_SECRET = "hunter2-is-secret"  # noqa: S105 - of these tests only


@contextmanager
def _serving(status: int, body: bytes) -> Iterator[tuple[str, list[str | None]]]:
    """Yield the URL of a server with one answer for all requests, and the keys that it received."""
    keys: list[str | None] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys.append(self.headers["api-key"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write no log."""

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", keys
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
        (503, b"", "which answers with status 503"),
    ],
)
def test_a_server_that_cannot_be_used_is_named(
    status: int, body: bytes, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _serving(status, body) as (url, _), pytest.raises(Retryable) as caught:
        _check(monkeypatch, url)
    assert str(caught.value) == f"BACHATA_QDRANT_URL is {url}, {expected}"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1",
        "http://no-such-host.invalid",
        "https://[::1]:1/qdrant",
        "http://[::::]:1",
        "http://xn--a:1",
    ],
)
def test_an_address_where_nothing_listens_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Retryable) as caught:
        _check(monkeypatch, url)
    assert str(caught.value).startswith(f"BACHATA_QDRANT_URL is {url}, which cannot be connected to: ")
    assert caught.value.reason == "qdrant_away"


def test_a_server_without_tls_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with _serving(200, b"") as (url, _), pytest.raises(Retryable, match="BACHATA_QDRANT_URL is https://"):
        _check(monkeypatch, url.replace("http:", "https:"))


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_TIMEOUT_S", 0.3)
    expected = "which cannot be connected to: no answer within"
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent, pytest.raises(Retryable, match=expected):
        _check(monkeypatch, f"http://127.0.0.1:{silent.server_port}")


def test_a_qdrant_is_accepted_and_gets_the_key_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with _serving(200, b'{"result": {"exists": false}, "status": "ok"}') as (url, keys):
        _check(monkeypatch, url)
    assert keys == [_SECRET]
