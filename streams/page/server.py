"""The worker's page on 127.0.0.1: its health for anyone, its state for who has the token from the data folder."""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from schemas.faults import Poison, Retryable

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_OPEN = {"/livez", "/readyz"}
_SHORTEST = 32
TOKEN_FILE = "token"  # noqa: S105 - its name


class State(Protocol):
    """What the page shows."""

    def health(self) -> dict[str, Any]:
        """`ready` and the reasons why not."""

    def request(self, request_id: str) -> dict[str, Any] | None:
        """Where a request is."""

    def requests(self) -> list[dict[str, Any]]:
        """The newest requests."""

    def moves(self, embeddings: bool) -> list[dict[str, Any]]:
        """The library."""

    def move(self, sha256: str) -> dict[str, Any] | None:
        """All that is known of one clip but its embedding."""

    def search(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        """The moves that fit a query. Raises `ValueError` for a query that is none."""

    def library(self) -> dict[str, Any]:
        """The library's version and size."""


def read_token(run_dir: Path) -> str:
    """The token of this data folder, made where there is none, readable by its owner only."""
    file = run_dir / TOKEN_FILE
    run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.exists():
        _write_token(run_dir, file)
    token = file.read_text()
    if len(token) < _SHORTEST:
        raise Poison(f"{file} holds no token: remove it", reason="token")
    return token


def _write_token(run_dir: Path, file: Path) -> None:
    """Whole or not at all, and the first of several writers wins."""
    with tempfile.NamedTemporaryFile("w", dir=run_dir) as new:  # readable by its owner only
        new.write(secrets.token_urlsafe(32))
        new.flush()
        with suppress(FileExistsError):
            os.link(new.name, file)


class Page:
    """Serves until stopped."""

    def __init__(self, state: State, token: str, port: int = 0) -> None:
        self._state = state
        self._token = token
        self._port = port
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen on 127.0.0.1; `url` says where."""
        app = web.Application(middlewares=[self._guard], client_max_size=1 << 20)
        app.add_routes(self._routes())
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

    def _routes(self) -> list[web.RouteDef]:
        return [
            web.get("/livez", self._livez),
            web.get("/readyz", self._readyz),
            web.get("/requests", self._requests),
            web.get("/requests/{request_id}", self._request),
            web.get("/library", self._library),
            web.get("/moves", self._moves),
            web.get("/moves/{sha256}", self._move),
            web.post("/moves/search", self._search),
        ]

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if request.path not in _OPEN and not hmac.compare_digest(given.encode(), self._token.encode()):
            return web.json_response({"error": "the token from the data folder is needed"}, status=401)
        try:
            return await handler(request)
        except Retryable as fault:
            return web.json_response({"error": str(fault)}, status=503)

    async def _livez(self, _: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _readyz(self, _: web.Request) -> web.Response:
        health = self._state.health()
        return web.json_response(health, status=200 if health["ready"] else 503)

    async def _requests(self, _: web.Request) -> web.Response:
        return web.json_response({"requests": self._state.requests()})

    async def _request(self, request: web.Request) -> web.Response:
        found = self._state.request(request.match_info["request_id"])
        if found is None:
            return web.json_response({"error": "no such request"}, status=404)
        return web.json_response(found)

    async def _library(self, _: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(self._state.library))

    async def _moves(self, request: web.Request) -> web.Response:
        embeddings = request.query.get("embeddings") == "1"
        return web.json_response({"moves": await asyncio.to_thread(self._state.moves, embeddings)})

    async def _move(self, request: web.Request) -> web.Response:
        found = await asyncio.to_thread(self._state.move, request.match_info["sha256"])
        if found is None:
            return web.json_response({"error": "no such move"}, status=404)
        return web.json_response(found)

    async def _search(self, request: web.Request) -> web.Response:
        try:
            query = await request.json()
            return web.json_response({"moves": await asyncio.to_thread(self._state.search, query)})
        except (ValueError, KeyError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
