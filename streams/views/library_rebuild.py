"""Rebuild the move index from its topics while the old one is searched, and put the new one in its place."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Literal, NamedTuple

from schemas.faults import Retryable
from streams.background import BackgroundTask
from streams.views.move_index_sink import MoveIndexSink
from streams.views.topic_view import ViewUpdater

log = logging.getLogger(__name__)
_POLL_INTERVAL_S = 0.2
_RETRY_S = 5.0
_MAX_ERROR_S = 60.0  # after which a new index that cannot be filled is given up


class RebuildState(NamedTuple):
    """What the last rebuild has come to: `moves` are in the new index, which replaces one of `old_moves`."""

    state: Literal["none", "running", "done", "failed"] = "none"
    moves: int = 0
    old_moves: int = 0
    seconds: float = 0.0
    error: str = ""


class LibraryRebuild(BackgroundTask):
    """Rebuilds the index of a sink on request, and when the sink needs it.

    `updater` applies the topics to the sink; `updater_of` makes another one, for the sink that is built. The old index
    gets what arrives meanwhile, too, and for a moment at the end nothing: while the new one is put in its place.
    """

    def __init__(
        self, sink: MoveIndexSink, updater: ViewUpdater, updater_of: Callable[[MoveIndexSink], ViewUpdater]
    ) -> None:
        self._sink = sink
        self._updater = updater
        self._updater_of = updater_of
        self._is_requested = False
        self.state = RebuildState()

    def request(self) -> RebuildState:
        """Begin a rebuild, unless one is running."""
        if self.state.state != "running":
            self._is_requested = True
            self.state = RebuildState("running")
        return self.state

    async def _run(self) -> None:
        while True:
            if self._is_requested or self._sink.needs_rebuild:
                self._is_requested = False
                await self._try()
            await asyncio.sleep(_POLL_INTERVAL_S)

    async def _try(self) -> None:
        started = monotonic()
        self.state = RebuildState("running")
        try:
            await self._rebuild(started)
        except Exception as error:  # noqa: BLE001 - any cause may be temporary
            log.warning("the move index could not be rebuilt: %s", error)
            self.state = self.state._replace(state="failed", error=str(error), seconds=monotonic() - started)
            await asyncio.sleep(_RETRY_S)
        else:
            self.state = self.state._replace(state="done", seconds=monotonic() - started)
            log.info("the move index is rebuilt: %s", self.state)

    async def _rebuild(self, started: float) -> None:
        built = await asyncio.to_thread(self._sink.beside)
        try:
            updater = self._updater_of(built)
            await updater.start()
            try:
                await self._filled(built, updater, started)
                async with self._updater.turn:
                    await self._level(built, updater)
                    await _stop(updater)
                    await asyncio.to_thread(self._sink.replace_by, built)
            finally:
                await _stop(updater)
        finally:
            await asyncio.to_thread(built.discard)

    async def _filled(self, built: MoveIndexSink, updater: ViewUpdater, started: float) -> None:
        """Return when all that was published is in the new index. Raises: `Retryable` if it cannot be filled."""
        caught_up = asyncio.create_task(updater.caught_up())
        healthy_at = monotonic()
        old_moves = await asyncio.to_thread(self._sink.moves)
        try:
            while not caught_up.done():
                await asyncio.wait([caught_up], timeout=_POLL_INTERVAL_S)
                healthy_at = healthy_at if updater.error else monotonic()
                if monotonic() - healthy_at > _MAX_ERROR_S:
                    raise Retryable(str(updater.error), reason="move_index")
                moves = await asyncio.to_thread(built.moves)
                self.state = RebuildState("running", moves, old_moves, monotonic() - started, updater.error or "")
            await caught_up
        finally:
            caught_up.cancel()

    async def _level(self, built: MoveIndexSink, updater: ViewUpdater) -> None:
        """Return when the new index has all that the old one has. Raises: `Retryable` after a minute."""
        deadline = monotonic() + _MAX_ERROR_S
        while not await asyncio.to_thread(self._sink.is_covered_by, built):
            if monotonic() > deadline:
                raise Retryable(updater.error or "it does not get what the old one has", reason="move_index")
            await asyncio.sleep(_POLL_INTERVAL_S)


async def _stop(updater: ViewUpdater) -> None:
    """Stop an updater between two calls of its view."""
    async with updater.turn:
        await updater.stop()
