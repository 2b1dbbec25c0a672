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
from qdrant_client import QdrantClient
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from infra.move_index.config import QdrantConfig
from schemas.faults import Fault, Poison, Unavailable

T = TypeVar("T")

_INVALID_REQUEST_STATUSES = (400, 422)
_HTTP_STATUS = {  # of the statuses of gRPC
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
}
_RETRY_AFTER_S = 1.0


class SlowServerError(Unavailable):
    """The server did not answer within the time limit."""


class Requests:
    """Sends requests to one server.

    After a request without an answer, all requests of the next second fail with the same error and are not sent, so
    that all waiting threads fail together.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._next_attempt_s = 0.0  # of the monotonic clock
        self._last_error = ""

    def run(self, call: Callable[[], T]) -> T:
        """Return what a call of the client returns.

        Raises:
            Poison: (`qdrant_refuses`) the server rejects the request itself.
            Unavailable: (`qdrant_refuses`) the server denies access, or has no such collection.
            Unavailable: (`qdrant_away`) the server does not answer, or says that it cannot now.
        """
        if monotonic() < self._next_attempt_s:
            raise Unavailable(self._last_error, reason="qdrant_away")
        try:
            return call()
        except UnexpectedResponse as error:
            status = error.status_code or 500
            text = f"{status} {error.reason_phrase} {_server_message(error)}".rstrip()
            raise self._status_fault(status, text) from error
        except grpc.RpcError as error:
            raise self._grpc_fault(error) from error
        except ResponseHandlingException as error:
            raise self._no_answer(str(error), isinstance(error.source, httpx.TimeoutException)) from error
        except (ApiException, ResourceExhaustedResponse, httpx.HTTPError, OSError) as error:
            raise self._no_answer(str(error)) from error

    def _grpc_fault(self, error: Any) -> Fault:
        code, text = error.code(), f"{error.code().name} ({error.details()})"
        if code in _HTTP_STATUS:
            return self._status_fault(_HTTP_STATUS[code], text)
        return self._no_answer(text, code is grpc.StatusCode.DEADLINE_EXCEEDED)

    def _status_fault(self, status: int, message: str) -> Fault:
        if status == 429 or status >= 500:
            return self._no_answer(message)
        text = f"Qdrant at {self._url} refuses the request: {message}"
        if status == 404:
            return NoCollectionError(text, reason="qdrant_refuses")
        # A wrong key or address can be corrected, so it is waited for.
        return (Poison if status in _INVALID_REQUEST_STATUSES else Unavailable)(text, reason="qdrant_refuses")

    def _no_answer(self, message: str, is_slow: bool = False) -> Unavailable:
        kind = SlowServerError if is_slow else Unavailable
        fault = kind(f"Qdrant at {self._url} does not answer: {message}", reason="qdrant_away")
        self._next_attempt_s, self._last_error = monotonic() + _RETRY_AFTER_S, str(fault)
        return fault


class NoCollectionError(Unavailable):
    """The server has no such collection."""


def make_client(config: QdrantConfig) -> QdrantClient:
    """Return a client that has sent nothing yet. Raises: `Poison` (`settings`) for an invalid address."""
    with warnings.catch_warnings():
        # A key over plain HTTP is what docker-compose.yml uses, inside its own network.
        warnings.filterwarnings("ignore", "Api key is used with an insecure connection", UserWarning)
        try:
            return QdrantClient(
                url=config.url,
                api_key=config.api_key,
                timeout=max(1, round(config.timeout_s)),
                prefer_grpc=config.grpc_port is not None,
                grpc_port=config.grpc_port or 6334,
                check_compatibility=False,
                trust_env=False,  # a proxy must not receive the key
                verify=_trusted(config.tls),  # what `trust_env` turns off too: SSL_CERT_FILE
            )
        except ValueError as error:
            raise Poison(f"'{config.url}' is not a valid address of Qdrant: {error}", reason="settings") from error


def _trusted(tls: bool | Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=tls if isinstance(tls, Path) else None)


def _server_message(error: UnexpectedResponse) -> str:
    """Return the error message in the response's body, in parentheses; empty without one."""
    try:
        message = json.loads(error.content)["status"]["error"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f"({message})"
