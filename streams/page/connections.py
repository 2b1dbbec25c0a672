"""Connections of the page: few, each for one request, and closed in time whatever the other end does.

aiohttp limits neither their number nor the time in which a request's head must arrive or a response be read.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from aiohttp import web

from streams.page.responses import error_response

MAX_CONNECTIONS = 100
HEAD_TIMEOUT_S = 10.0  # for the request line and the headers
REQUEST_TIMEOUT_S = 60.0  # from then on until the response is read
_LINGERING_S = 2.0  # in which the rest of a body that is refused is read, so that its sender reads the answer
_Handler = Any  # aiohttp's own type has an underscore


class Connection(web.RequestHandler):
    """A connection that is closed when its time is over."""

    def __init__(self, server: ConnectionServer, **options: Any) -> None:
        super().__init__(server, **options)
        self._server = server
        self._socket: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.is_waiting = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, and wait for a request."""
        self._socket = cast("asyncio.Transport", transport)
        super().connection_made(transport)
        self.close_after(HEAD_TIMEOUT_S)
        self._server.add(self)

    def begin_request(self) -> None:
        """Note that the head of the request is complete."""
        self.is_waiting = False
        self.close_after(REQUEST_TIMEOUT_S)

    def abort(self) -> None:
        """Close the connection now, without sending what is left."""
        if self._socket is not None:
            self._socket.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._server.remove(self)
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the response to a request that is not HTTP. It is not logged: anyone could fill the log."""
        del request, exc
        response = error_response(status, f"the request is not valid HTTP: {message or 'it cannot be read'}")
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Log nothing: an exception of a route has its line in the log already."""

    def close_after(self, seconds: float) -> None:
        """Close the connection when the seconds are over, instead of at the time that was set before."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.abort)


class ConnectionServer(web.Server):
    """Makes connections, at most 100 at a time. One more takes the place of the oldest that waits for its request."""

    def __init__(self, handler: _Handler, request_factory: Any) -> None:
        super().__init__(handler, request_factory=request_factory)
        self._open: dict[Connection, None] = {}

    def __call__(self) -> Connection:
        """Return the handler of a new connection."""
        # Bodies are not unpacked: a small one could become a large one.
        return Connection(
            self,
            loop=asyncio.get_running_loop(),
            access_log=cast("Any", None),
            lingering_time=_LINGERING_S,
            auto_decompress=False,
        )

    def add(self, connection: Connection) -> None:
        """Add a connection; close another one, or this one, where there are too many."""
        self._open[connection] = None
        if len(self._open) > MAX_CONNECTIONS:
            closed = next((other for other in self._open if other.is_waiting), connection)
            self.remove(closed)  # now, since the next one may come before it has ended
            closed.abort()

    def remove(self, connection: Connection) -> None:
        """Remove a connection that has ended."""
        self._open.pop(connection, None)
