"""Requests to a Qdrant server: the client, and what its errors mean."""

from __future__ import annotations

import json
import ssl
import warnings
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import grpc
import httpx
from pydantic import ValidationError
from qdrant_client import QdrantClient
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from infra.move_index.config import GRPC_PORT, QdrantConfig
from infra.move_index.errors import AccessError, BusyError, NotFoundError, NotQdrantError, QdrantFault, TooLargeError
from schemas.faults import Poison

T = TypeVar("T")

_KINDS: dict[int, type[QdrantFault]] = {
    400: TooLargeError,  # or a request that is not valid; 400, too, is given for a body of more than 32 MiB
    401: AccessError,
    403: AccessError,
    404: NotFoundError,
    413: TooLargeError,
    422: TooLargeError,
}
_ERRORS = (
    ApiException,
    QdrantException,
    grpc.RpcError,
    httpx.HTTPError,
    httpx.InvalidURL,
    OSError,
    UnicodeError,  # of a name of a host
    json.JSONDecodeError,  # of an answer that is no JSON
    AssertionError,  # of the client, where an answer has no result
)
_NO_QDRANT = (ValidationError, json.JSONDecodeError, AssertionError)
_HTTP_STATUS = {  # of the statuses of gRPC
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.UNIMPLEMENTED: 405,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.OUT_OF_RANGE: 413,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
}
_RETRY_AFTER_S = 1.0
# The connection ended while a request was sent or answered: a server does so when a request is too large.
_BROKEN = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
# A channel connects again soon, and does not give the key to the proxy of http_proxy.
_GRPC_OPTIONS = {
    "grpc.enable_http_proxy": 0,
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.min_reconnect_backoff_ms": 5000,  # the time limit of an attempt
    "grpc.max_reconnect_backoff_ms": 1000,
}


class Requests:
    """Sends requests to one server.

    After a request without an answer, all requests of the next second fail with the same error and are not sent, so
    that all waiting threads fail together. A write that takes too long stops no other requests.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._next_attempt_s = 0.0  # of the monotonic clock
        self._last_problem = ""

    def run(self, call: Callable[[], T], *, is_write: bool = False) -> T:
        """Return what a call of the client returns.

        Raises:
            QdrantFault: (`qdrant_refuses`) the server refuses the request, denies access, or has no such collection.
            QdrantFault: (`qdrant_away`) the server does not answer, or says that it cannot now.
        """
        if monotonic() < self._next_attempt_s:
            raise QdrantFault(self._server, self._last_problem, "qdrant_away")
        try:
            return call()
        except _ERRORS as error:
            fault = self._fault(error)
            if fault.reason == "qdrant_away" and not isinstance(fault, BusyError):
                self._wait(fault, is_write)
            raise fault from error

    def _wait(self, fault: QdrantFault, is_write: bool) -> None:
        if not (is_write and isinstance(fault, TooLargeError)):
            self._next_attempt_s, self._last_problem = monotonic() + _RETRY_AFTER_S, fault.problem

    def _fault(self, error: Any) -> QdrantFault:
        if isinstance(error, UnexpectedResponse):
            status = error.status_code or 500
            return self._of_status(status, f"{status} {error.reason_phrase} {_server_message(error)}".rstrip())
        if isinstance(error, grpc.RpcError):
            return self._of_grpc(error)
        if isinstance(error, ResourceExhaustedResponse):
            return BusyError(self._server, f"is busy: {error}", "qdrant_away", float(error.retry_after_s))
        source = error.source if isinstance(error, ResponseHandlingException) else error
        if isinstance(source, _NO_QDRANT):
            return NotQdrantError(self._server, "gives an answer that is not Qdrant's", "qdrant_refuses")
        is_too_large = isinstance(source, (httpx.TimeoutException, *_BROKEN))
        return self._no_answer(str(source) or type(source).__name__, is_too_large)

    def _of_grpc(self, error: Any) -> QdrantFault:
        code, text = error.code(), f"{error.code().name} ({error.details()})"
        if code in _HTTP_STATUS:
            return self._of_status(_HTTP_STATUS[code], text)
        return self._no_answer(text, code is grpc.StatusCode.DEADLINE_EXCEEDED)

    def _of_status(self, status: int, text: str) -> QdrantFault:
        if status == 429 or status >= 500:
            return self._no_answer(text, status == 429)
        kind = NotQdrantError if status < 400 else _KINDS.get(status, QdrantFault)  # 302: a login page
        return kind(self._server, f"refuses the request: {text}", "qdrant_refuses")

    def _no_answer(self, text: str, is_too_large: bool) -> QdrantFault:
        kind = TooLargeError if is_too_large else QdrantFault
        return kind(self._server, f"does not answer: {text}", "qdrant_away")


def make_client(config: QdrantConfig) -> QdrantClient:
    """Return a client that has sent nothing yet.

    Raises: `Poison` (`settings`) for an invalid address, or a file of certificates that cannot be read.
    """
    with warnings.catch_warnings():
        # A key over plain HTTP is what docker-compose.yml uses, inside its own network.
        warnings.filterwarnings("ignore", "Api key is used with an insecure connection", UserWarning)
        try:
            return QdrantClient(
                url=config.url,
                api_key=config.api_key,
                timeout=max(1, round(config.timeout_s)),
                prefer_grpc=config.grpc_port is not None,
                grpc_port=config.grpc_port or GRPC_PORT,
                grpc_options=grpc_options(config),
                check_compatibility=False,
                trust_env=False,  # a proxy must not receive the key
                verify=_trusted(config),  # what `trust_env` turns off too: SSL_CERT_FILE
            )
        except (ValueError, OSError) as error:
            raise Poison(f"'{config.url}' cannot be used as Qdrant's address: {error}", reason="settings") from error


def grpc_options(config: QdrantConfig) -> dict[str, Any]:
    """Return the options of a gRPC channel: those of `grpc.*`, and the certificates to trust.

    Raises: `OSError` where the file of certificates cannot be read.
    """
    if config.grpc_port is None or not config.tls:
        return dict(_GRPC_OPTIONS)
    file = config.tls if isinstance(config.tls, Path) else ssl.get_default_verify_paths().cafile
    return _GRPC_OPTIONS | ({"root_certificates": Path(file).read_bytes()} if file else {})


def _trusted(config: QdrantConfig) -> ssl.SSLContext:
    """Return the certificates that are trusted: none for plain HTTP, since those of the system take 25 ms to read."""
    if not config.tls:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return ssl.create_default_context(cafile=config.tls if isinstance(config.tls, Path) else None)


def _server_message(error: UnexpectedResponse) -> str:
    """Return the error message in the response's body, in parentheses; empty without one."""
    try:
        message = json.loads(error.content)["status"]["error"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f"({message})"
