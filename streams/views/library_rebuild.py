"""Rebuild the move index from its topics while the old one is searched, and put the new one in its place."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Literal, NamedTuple

from schemas.faults import Fault, Retryable
from streams.background import BackgroundTask, to_its_end
from streams.views.move_index_sink import MoveIndexSink
from streams.views.topic_view import ViewUpdater

log = logging.getLogger(__name__)
_POLL_INTERVAL_S = 0.2
_MAX_SILENT_S = 60.0  # after which a new index that cannot be filled is given up


class RebuildState(NamedTuple):
    """What the last rebuild has come to: `moves` are in the new index, which replaces one of `old_moves`."""

    state: Literal["none", "running", "done", "failed"] = "none"
    moves: int = 0
    old_moves: int = 0
    seconds: float = 0.0
    error: str = ""


class LibraryRebuild(BackgroundTask):
    """Rebuilds the index of a sink on request.

    `updater` applies the topics to the sink; `updater_of` makes another one, for the sink that is built. The old index
    gets what arrives meanwhile, too, and for a moment at the end nothing: while the new one is put in its place.
    """

    def __init__(
        self, sink: MoveIndexSink, updater: ViewUpdater, updater_of: Callable[[MoveIndexSink], ViewUpdater]
    ) -> None:
        self._sink = sink
        self._updater = updater
        self._updater_of = updater_of
        self._requested = asyncio.Event()
        self.state = RebuildState()

    def request(self) -> RebuildState:
        """Begin a rebuild, unless one is running."""
        if self.state.state != "running":
            self.state = RebuildState("running")
            self._requested.set()
        return self.state

    async def _run(self) -> None:
        while True:
            await self._requested.wait()
            self._requested.clear()
            await self._try()

    async def _try(self) -> None:
        started = monotonic()
        try:
            await self._rebuild(started)
        except Exception as error:  # noqa: BLE001 - any cause may be temporary
            log.warning("the move index could not be rebuilt: %s", error)
            self.state = self.state._replace(state="failed", error=str(error), seconds=monotonic() - started)
        else:
            self.state = self.state._replace(state="done", error="", seconds=monotonic() - started)
            log.info("the move index is rebuilt: %s", self.state)

    async def _rebuild(self, started: float) -> None:
        built = await asyncio.to_thread(self._sink.replacement)
        updater = self._updater_of(built)
        try:
            await updater.start()
            await self._filled(built, updater, started)
            await to_its_end(self._replace(built, updater))
        finally:
            await updater.stop()
            await asyncio.to_thread(built.discard)

    async def _filled(self, built: MoveIndexSink, updater: ViewUpdater, started: float) -> None:
        """Return when all that was published is in the new index.

        Raises: `Retryable` (`move_index`) if nothing is added to it for a minute.
        """
        old_moves, before, progressed_at = await _moves(self._sink), (-1, ""), started
        filling = asyncio.create_task(updater.caught_up())
        try:
            while not (filling.done() and filling.exception() is None):
                if filling.done():
                    filling = asyncio.create_task(updater.caught_up())
                await asyncio.wait([filling], timeout=_POLL_INTERVAL_S)
                now = await _moves(built), updater.error or ""
                if now != before or not updater.error:
                    before, progressed_at = now, monotonic()
                if monotonic() - progressed_at > _MAX_SILENT_S:
                    raise Retryable(now[1], reason="move_index")
                self.state = RebuildState("running", now[0], old_moves, monotonic() - started, now[1])
        finally:
            filling.cancel()
            await asyncio.wait([filling])

    async def _replace(self, built: MoveIndexSink, updater: ViewUpdater) -> None:
        """Put the new index in the place of the old one once it has all that the old one has."""
        async with self._updater.lock:
            async with asyncio.timeout(_MAX_SILENT_S):
                await updater.caught_up()
            await updater.stop()
            await asyncio.to_thread(self._sink.replace_by, built)
        self.state = self.state._replace(moves=await _moves(self._sink))


async def _moves(sink: MoveIndexSink) -> int:
    """Return the number of moves in an index, 0 while it does not answer."""
    try:
        return await asyncio.to_thread(sink.moves)
    except Fault:
        return 0
