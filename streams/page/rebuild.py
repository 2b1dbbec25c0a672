"""`/library/rebuild`: rebuild the move index from the topics, and tell how far that is."""

from __future__ import annotations

from aiohttp import web

from streams.views.library_rebuild import LibraryRebuild


def routes(rebuild: LibraryRebuild) -> list[web.RouteDef]:
    """Return the routes of a rebuild."""

    async def begin(_: web.Request) -> web.Response:
        return web.json_response(rebuild.request()._asdict())

    async def state(_: web.Request) -> web.Response:
        return web.json_response(rebuild.state._asdict())

    return [web.post("/library/rebuild", begin), web.get("/library/rebuild", state)]
