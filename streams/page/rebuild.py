"""`/library/rebuild`: rebuild the move index from the topics, and show how far that is; `/library/index`: which one."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from aiohttp import web

from infra.move_index import MoveIndex
from schemas.faults import Fault


class State(Protocol):
    """What a rebuild has come to."""

    def _asdict(self) -> dict[str, Any]:
        """Return it as JSON."""


class Rebuild(Protocol):
    """Rebuilds the index in the background."""

    @property
    def state(self) -> State:
        """Return what the last rebuild has come to."""

    def request(self) -> State:
        """Begin a rebuild, unless one is running."""


def routes(index: MoveIndex, rebuild: Rebuild) -> list[web.RouteDef]:
    """Return the routes of an index and its rebuild."""

    async def begin(_: web.Request) -> web.Response:
        return web.json_response(rebuild.request()._asdict())

    async def state(_: web.Request) -> web.Response:
        return web.json_response(rebuild.state._asdict())

    async def describe(_: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(_described, index))

    return [
        web.post("/library/rebuild", begin),
        web.get("/library/rebuild", state),
        web.get("/library/index", describe),
    ]


def _described(index: MoveIndex) -> dict[str, Any]:
    try:
        return {"reachable": True, "moves": index.count(), **index.description(), "error": ""}
    except Fault as fault:
        return {**index.place(), "reachable": False, "moves": None, "error": str(fault)}
