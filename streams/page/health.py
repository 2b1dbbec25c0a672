"""`/livez` and `/readyz`: whether the worker runs, and the problems that keep it from working."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web

OPEN_PATHS = frozenset({"/livez", "/readyz"})


def routes(worker: int, problems: Callable[[], Sequence[str]]) -> list[web.RouteDef]:
    """Return the routes of a worker's health. `worker` is its number in this data folder."""

    async def livez(_: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def readyz(_: web.Request) -> web.Response:
        found = list(problems())
        health = {"ready": not found, "problems": found, "worker": worker}
        return web.json_response(health, status=503 if found else 200)

    return [web.get("/livez", livez), web.get("/readyz", readyz)]
