"""`/livez` and `/readyz`: whether the worker runs, what keeps it from working, and what works for long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

OPEN_PATHS = frozenset({"/livez", "/readyz"})


@dataclass(frozen=True)
class Health:
    """The health of a worker.

    problems: a line for each, none if it is ready.
    stuck: those of them that hold work back, with `what`, `since` (ISO 8601, UTC) and `reason`.
    running: what is worked on for more than a minute, with `what` and `since`.
    """

    problems: list[str]
    stuck: list[dict[str, str]] = field(default_factory=list)
    running: list[dict[str, str]] = field(default_factory=list)


def routes(worker: int, health_of: Callable[[], Health]) -> list[web.RouteDef]:
    """Return the routes of a worker's health. `worker` is its number in this data folder."""

    async def livez(_: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def readyz(_: web.Request) -> web.Response:
        health = health_of()
        body = {"ready": not health.problems, "worker": worker, **vars(health)}
        return web.json_response(body, status=503 if health.problems else 200)

    return [web.get("/livez", livez), web.get("/readyz", readyz)]
