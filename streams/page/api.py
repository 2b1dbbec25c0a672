"""The HTTP API: a page at the address of the settings, for programs that do not speak Kafka.

Of several workers on one machine one has the address; another takes it when that one ends.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Sequence

from aiohttp import web

from schemas.faults import Poison
from streams.background import BackgroundTask
from streams.page import openapi
from streams.page.health import OPEN_PATHS
from streams.page.server import Page

log = logging.getLogger(__name__)
_OPEN_PATHS = OPEN_PATHS | {openapi.PATH}
_RETRY_S = 5.0


class Api(BackgroundTask):
    """Serves the routes, and the OpenAPI document, as soon as the address is free."""

    def __init__(self, routes: Sequence[web.RouteDef], token: str, host: str, port: int) -> None:
        self._routes = [*routes, openapi.route()]
        self._token, self._host, self._port = token, host, port
        self._page: Page | None = None

    @property
    def url(self) -> str:
        """Return the address, or nothing while it is not free."""
        return "" if self._page is None else self._page.url

    async def start(self) -> None:
        """Listen, or begin to wait for an address that is in use.

        Raises: `Poison` (`settings`) for one that this machine does not have, or may not use.
        """
        if not await self._listen():
            await super().start()

    async def stop(self) -> None:
        """Stop listening."""
        await super().stop()
        if self._page is not None:
            await self._page.stop()

    async def _run(self) -> None:
        log.warning("the HTTP API waits for its address, %s port %d: it is in use", self._host, self._port)
        while True:
            await asyncio.sleep(_RETRY_S)
            if await self._listen():
                return

    async def _listen(self) -> bool:
        page = Page(self._routes, self._token, self._port, self._host, _OPEN_PATHS)
        try:
            await page.start()
        except OSError as error:
            await page.stop()
            if error.errno == errno.EADDRINUSE:
                return False
            cause = error.strerror or error
            raise Poison(f"BACHATA_API: {self._host} port {self._port}: {cause}", reason="settings") from error
        self._page = page
        log.info("the HTTP API is ready", extra={"page": page.url})
        return True
