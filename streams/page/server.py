"""The worker's page on 127.0.0.1: health without authentication, all else with the token from the data folder."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from schemas.faults import Retryable, Unavailable
from streams.page.health import OPEN_PATHS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_MAX_BODY_BYTES = 1 << 20


class Page:
    """Serves the routes until stopped."""

    def __init__(self, routes: Sequence[web.RouteDef], token: str, port: int = 0) -> None:
        self._routes = routes
        self._token = token
        self._port = port
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen on 127.0.0.1 and set `url`."""
        app = web.Application(middlewares=[self._guard], client_max_size=_MAX_BODY_BYTES)
        app.add_routes(self._routes)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if request.path not in OPEN_PATHS and not hmac.compare_digest(token.encode(), self._token.encode()):
            return web.json_response({"error": "the request needs the token from the data folder"}, status=401)
        try:
            return await handler(request)
        except (Retryable, Unavailable) as fault:
            return web.json_response({"error": str(fault)}, status=503)
