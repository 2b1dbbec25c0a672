"""`/requests` and `/requests/ID`: the state of requests, their videos, and how to cancel them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from aiohttp import web
from pydantic import TypeAdapter

from schemas.rendered import PlainFileName
from streams.page.connections import Connection
from streams.page.responses import error_response
from streams.page.submissions import Submissions
from streams.views.requests import Requests

_DOWNLOAD_TIMEOUT_S = 1800.0
_FILE: TypeAdapter[str] = TypeAdapter(PlainFileName)


def routes(requests: Requests) -> list[web.RouteDef]:
    """Return the routes over the requests view."""

    async def list_recent(_: web.Request) -> web.Response:
        return web.json_response({"requests": requests.recent()})

    async def get_one(request: web.Request) -> web.Response:
        found = requests.get(request.match_info["request_id"])
        if found is None:
            return _unknown()
        return web.json_response(found)

    return [web.get("/requests", list_recent), web.get("/requests/{request_id}", get_one)]


def api_routes(requests: Requests, submissions: Submissions, output_dir: Path) -> list[web.RouteDef]:
    """Return the routes of the HTTP API over requests; a request that nobody works on yet has no steps."""

    def state_of(request: web.Request) -> dict[str, Any] | None:
        request_id = request.match_info["request_id"]
        found = requests.get(request_id)
        if found is None and submissions.has(request_id):
            return {"request_id": request_id, "subject": request_id, "steps": {}, "outcome": None}
        return found

    async def get_one(request: web.Request) -> web.Response:
        found = state_of(request)
        return _unknown() if found is None else web.json_response(found)

    async def get_video(request: web.Request) -> web.StreamResponse:
        found = state_of(request)
        if found is None:
            return _unknown()
        path = output_dir / _FILE.validate_python(found["video"]["file"]) if found.get("video") else None
        if path is None or not path.is_file():
            return error_response(404, "the request has no video, or not on this machine", "not_found")
        cast("Connection", request.protocol).close_after(_DOWNLOAD_TIMEOUT_S)
        return web.FileResponse(path, headers={"Content-Type": "video/mp4", "X-Content-Type-Options": "nosniff"})

    async def cancel(request: web.Request) -> web.Response:
        found = state_of(request)
        if found is not None and found["outcome"] is not None:
            return error_response(409, f"it has already ended: {found['outcome']}", "already_ended")
        request_id = request.match_info["request_id"]
        await submissions.cancel(request_id)
        return web.json_response({"request_id": request_id}, status=202)

    return [
        web.get("/requests/{request_id}", get_one),
        web.get("/requests/{request_id}/video", get_video),
        web.delete("/requests/{request_id}", cancel),
    ]


def _unknown() -> web.Response:
    return error_response(404, "no such request", "unknown_request")
