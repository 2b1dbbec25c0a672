"""A page: on 127.0.0.1 that of a worker, elsewhere the HTTP API. Health needs no authentication, all else the token.

Each error is a JSON object whose `error` is one line; a malformed request writes nothing to the log.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from aiohttp import web

from schemas.faults import Fault
from streams.page.connections import Connection, ConnectionServer
from streams.page.health import OPEN_PATHS
from streams.page.queries import check_query
from streams.page.responses import error_response, fault_response

log = logging.getLogger(__name__)
_HOST = "127.0.0.1"
_MAX_BODY_BYTES = 1 << 20
_MAX_LOGGED_CHARACTERS = 200

_RequestHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Page:
    """Serves the routes until stopped. `open_paths` need no token."""

    def __init__(
        self,
        routes: Sequence[web.RouteDef],
        token: str,
        port: int = 0,
        host: str = _HOST,
        open_paths: frozenset[str] = OPEN_PATHS,
    ) -> None:
        self._token = token
        self._port, self._host, self._open_paths = port, host, open_paths
        app = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=[self._with_checked_query])
        app.add_routes(routes)
        self._app = web.AppRunner(app)
        self._server: web.ServerRunner | None = None
        self._hosts: frozenset[str] = frozenset()
        self.url = ""

    async def start(self) -> None:
        """Listen and set `url`. Raises: `OSError` where the address cannot be used."""
        await self._app.setup()
        app = cast("web.Server", self._app.server)
        self._server = web.ServerRunner(ConnectionServer(self._guarded(app.request_handler), app.request_factory))
        await self._server.setup()
        await web.TCPSite(self._server, self._host, self._port).start()
        port = self._server.addresses[0][1]
        self._hosts = frozenset(f"{name}:{port}" for name in (_HOST, "localhost"))
        self.url = f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{port}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            await self._server.cleanup()
        await self._app.cleanup()

    @web.middleware
    async def _with_checked_query(self, request: web.Request, handler: _RequestHandler) -> web.StreamResponse:
        if request.path not in self._open_paths and request.match_info.http_exception is None:
            check_query(request)
        return await handler(request)

    def _guarded(self, handler: _Handler) -> _Handler:
        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            cast("Connection", request.protocol).begin_request()
            response = self._refusal(request) or await _answer(handler, request)
            response.force_close()  # one request for each connection: an idle one takes a place
            return response

        return answer

    def _refusal(self, request: web.BaseRequest) -> web.Response | None:
        """Return the response to a request that may not use the page, else None.

        A web site may lead its own name to 127.0.0.1, so the host that the browser believes to talk to is compared, and
        other origins get nothing.
        """
        hosts = [host.lower() for host in request.headers.getall("Host", [])]
        is_local = self._host == _HOST  # elsewhere it may have any name
        if len(hosts) != 1 or (is_local and hosts[0] not in self._hosts):
            return error_response(421, f"this page is at {self.url}; the header Host must name it, once")
        origins = request.headers.getall("Origin", [])
        if any(not is_local or origin.lower().removeprefix("http://") not in self._hosts for origin in origins):
            return error_response(403, "a page of another origin may not use this one")
        if request.path not in self._open_paths and not self._has_token(request):
            return error_response(401, "the request needs the header 'Authorization: Bearer TOKEN'", "token")
        return None

    def _has_token(self, request: web.BaseRequest) -> bool:
        found = request.headers.getall("Authorization", [])
        given = found[0].removeprefix("Bearer ") if len(found) == 1 else ""
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._token.encode())


async def _answer(handler: _Handler, request: web.BaseRequest) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _http_error(error)
    except Fault as fault:
        return fault_response(fault)
    except web.RequestPayloadError as error:
        return error_response(400, f"the body cannot be read: {error}")
    except TimeoutError:
        return error_response(408, "the body did not arrive in time")
    except ConnectionError:
        raise
    except Exception as error:  # noqa: BLE001 - one line, in the response and in the log
        path = request.path[:_MAX_LOGGED_CHARACTERS]
        log.error("%s %s failed: %s: %s", request.method, path, type(error).__name__, error)  # noqa: TRY400
        return error_response(500, "an unexpected error; the worker's log has a line about it")


def _http_error(error: web.HTTPException) -> web.Response:
    response = error_response(error.status, error.reason)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response
