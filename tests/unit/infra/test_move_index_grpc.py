"""Qdrant over gRPC: what its channel is given, what its errors mean, and TLS with a private authority."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from qdrant_client import grpc as messages

from infra.move_index import requests
from infra.move_index.config import QdrantConfig
from infra.move_index.requests import grpc_options, make_client
from infra.move_index.server import QdrantServerMoveIndex
from schemas.faults import Unavailable
from tests.certificates import Certificates, make_certificates
from tests.chaos.faulty_qdrant_server import FaultyQdrantServer
from tests.unit.infra.moves import MOVES


class _Server(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers each call by a function, which gets its path and context; `keys`: the API keys that were received."""

    def __init__(self, answer: Callable[[str, grpc.ServicerContext], bytes]) -> None:
        self._answer = answer
        self.keys: list[str | bytes | None] = []

    def service(self, details: Any) -> grpc.RpcMethodHandler:
        self.keys.append(dict(details.invocation_metadata).get("api-key"))
        return grpc.unary_unary_rpc_method_handler(lambda _, context: self._answer(details.method, context))


@contextmanager
def _serving(handler: _Server, certificates: Certificates | None = None, port: int = 0) -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(2), handlers=[handler])
    address = f"127.0.0.1:{port}"
    if certificates is None:
        port = server.add_insecure_port(address)
    else:
        pair = (certificates.key.read_bytes(), certificates.server.read_bytes())
        port = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait()


def _answer_count(path: str, _: grpc.ServicerContext) -> bytes:
    assert path == "/qdrant.Points/Count"
    answer: bytes = messages.CountResponse(result=messages.CountResult(count=7)).SerializeToString()
    return answer


def _index(port: int, **values: Any) -> QdrantServerMoveIndex:
    config = QdrantConfig(host="127.0.0.1", port=9, grpc_port=port, timeout_s=2, **values)
    index = QdrantServerMoveIndex(config)
    index._collection_exists = True  # as the tests' server answers one kind of call only
    return index


def _aborting(code: grpc.StatusCode, **metadata: str) -> Callable[[str, grpc.ServicerContext], bytes]:
    def abort(_: str, context: grpc.ServicerContext) -> bytes:
        context.set_trailing_metadata(tuple(metadata.items()))
        context.abort(code, "because")
        return b""

    return abort


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "qdrant_refuses"),
        (grpc.StatusCode.UNAUTHENTICATED, "qdrant_refuses"),
        (grpc.StatusCode.UNIMPLEMENTED, "qdrant_refuses"),
        (grpc.StatusCode.OUT_OF_RANGE, "qdrant_refuses"),
        (grpc.StatusCode.UNAVAILABLE, "qdrant_away"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "qdrant_away"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "qdrant_away"),
    ],
)
def test_errors_of_grpc_mean_what_those_of_http_mean(code: grpc.StatusCode, reason: str) -> None:
    with _serving(_Server(_aborting(code))) as port:
        index = _index(port)
        with pytest.raises(Unavailable) as caught:
            index.count()
        assert caught.value.reason == reason
        assert "because" in str(caught.value)
        assert f"Qdrant at http://127.0.0.1:9 (gRPC at port {port})" in str(caught.value)
        index.close()


def test_the_time_that_a_busy_server_asks_for_is_passed_on() -> None:
    handler = _Server(_aborting(grpc.StatusCode.RESOURCE_EXHAUSTED, **{"retry-after": "17"}))
    with _serving(handler) as port:
        index = _index(port)
        with pytest.raises(Unavailable, match="is busy: because") as caught:
            index.count()
        assert caught.value.retry_after_s == 17
        index.close()


def test_a_request_over_grpc_is_answered_and_has_the_key() -> None:
    handler = _Server(_answer_count)
    with _serving(handler) as port:
        index = _index(port, api_key="secret")
        assert index.count() == 7
        assert handler.keys == ["secret"]
        index.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Return the certificates of a private authority."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def test_a_private_authority_is_trusted_over_grpc(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    with _serving(_Server(_answer_count), certificates) as port:
        index = _index(port, tls=certificates.authority)
        assert index.count() == 7
        index.close()
        index = _index(port, tls=True)
        with pytest.raises(Unavailable):
            index.count()
        index.close()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
        index = _index(port, tls=True)
        assert index.count() == 7
        index.close()


def test_a_server_that_was_away_is_used_soon_after_it_is_back() -> None:
    with _serving(_Server(_answer_count)) as port:
        index = _index(port)
        assert index.count() == 7
    away_s = time.monotonic() + 4
    while time.monotonic() < away_s:
        with pytest.raises(Unavailable):
            index.count()
        time.sleep(0.2)
    with _serving(_Server(_answer_count), port=port):
        time.sleep(1.5 * requests._RETRY_AFTER_S)
        assert index.count() == 7
    index.close()


def test_no_proxy_gets_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # the discard port: nothing listens there
    for variable in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(variable, raising=False)
    with _serving(_Server(_answer_count)) as port:
        index = _index(port)
        assert index.count() == 7
        index.close()


def test_a_channel_gets_these_options(certificates: Certificates) -> None:
    config = QdrantConfig(tls=certificates.authority, grpc_port=6334)
    options = grpc_options(config)
    assert options.pop("root_certificates") == certificates.authority.read_bytes()
    assert options["grpc.enable_http_proxy"] == 0
    assert options["grpc.max_reconnect_backoff_ms"] <= 1000
    assert grpc_options(QdrantConfig(grpc_port=6334)) == options, "without TLS there are no certificates"
    client = make_client(config)
    remote: Any = client._client
    passed = remote._grpc_options
    assert passed.items() > options.items()
    assert passed["root_certificates"] == certificates.authority.read_bytes()
    client.close()


def test_http_is_used_without_a_grpc_port(tmp_path: Path) -> None:
    with FaultyQdrantServer(tmp_path) as qdrant:
        index = QdrantServerMoveIndex(qdrant.url)
        index.upsert(MOVES[0])
        assert qdrant.count() == 1
        index.close()
