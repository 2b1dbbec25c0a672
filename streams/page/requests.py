"""`/requests` and `/requests/ID`: the state of requests."""

from __future__ import annotations

from aiohttp import web

from streams.page.responses import error_response
from streams.views.requests import Requests


def routes(requests: Requests) -> list[web.RouteDef]:
    """Return the routes over the requests view."""

    async def list_recent(_: web.Request) -> web.Response:
        return web.json_response({"requests": requests.recent()})

    async def get_one(request: web.Request) -> web.Response:
        found = requests.get(request.match_info["request_id"])
        if found is None:
            return error_response(404, "no such request")
        return web.json_response(found)

    return [web.get("/requests", list_recent), web.get("/requests/{request_id}", get_one)]
