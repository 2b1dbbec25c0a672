"""The worker: starts its parts, works until it is told to stop, and stops them in order."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import faust

from schemas.faults import Retryable
from streams.page.server import Page
from streams.stage.in_flight import InFlight
from streams.topics import specs
from streams.worker.create_topics import ensure_topics
from streams.worker.publisher import KafkaPublisher
from streams.worker.step_pool import StepPool

log = logging.getLogger(__name__)
_STOP_WITHIN_S = 8.0


class Background(Protocol):
    """A part that runs in the background."""

    async def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """End."""


class Closeable(Protocol):
    """A store or lock that is held open."""

    def close(self) -> None:
        """Let go of it."""


@dataclass
class Worker:
    """One worker on one machine. `streams.worker.build` puts it together.

    `address_file` says where its page is while it works; `grace_s` is how long it waits for events that are being
    worked on when it is told to stop; `stores` are closed at the end, in order.
    """

    bootstrap: str
    address_file: Path
    grace_s: float
    app: faust.App
    in_flight: InFlight
    publisher: KafkaPublisher
    page: Page
    background: Sequence[Background]
    pool: StepPool
    stores: Sequence[Closeable]
    _state: str = "starting"

    def problems(self) -> list[str]:
        """Return what keeps it from working: that it is starting or stopping."""
        return [self._state] if self._state else []

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT. Raises `Retryable` where the stream itself broke down."""
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        await ensure_topics(self.bootstrap, specs())
        await self.page.start()
        for part in (*self.background, self.publisher):
            await part.start()
        self.app.on_startup_finished = self._announce
        try:
            await self._until(stopping)
        finally:
            await self._stop()

    async def _until(self, stopping: asyncio.Event) -> None:
        app = asyncio.ensure_future(self.app.start())
        broken = asyncio.ensure_future(self.app.wait_until_stopped())
        stop_requested = asyncio.ensure_future(stopping.wait())
        # A start that fails stops nothing else: the application does not count as stopped then.
        await asyncio.wait({app, stop_requested}, return_when=asyncio.FIRST_COMPLETED)
        if not stop_requested.done() and app.exception() is None:
            await asyncio.wait({broken, stop_requested}, return_when=asyncio.FIRST_COMPLETED)
        if not stop_requested.done():
            reason = app.exception() or self.app.crash_reason
            raise Retryable(f"the stream broke down: {reason!r}", reason="stream") from reason
        await self._drain()
        broken.cancel()
        app.cancel()

    async def _drain(self) -> None:
        self._state = "stopping"
        self.address_file.unlink(missing_ok=True)
        left = await self.in_flight.drain(self.grace_s)
        if left:
            log.warning("%d events are not finished after %.0f s and come again", left, self.grace_s)

    async def _announce(self) -> None:
        self._state = ""
        gc.collect()
        gc.freeze()  # what is there now stays: looking through it again and again took a fifth of all time
        gc.set_threshold(20_000, 20, 20)
        self.address_file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.address_file.with_suffix(".new")
        temporary.write_text(json.dumps({"pid": os.getpid(), "url": self.page.url, "bootstrap": self.bootstrap}))
        temporary.replace(self.address_file)
        log.info("ready", extra={"page": self.page.url, "kafka": self.bootstrap})

    async def _stop(self) -> None:
        self._state = "stopping"
        self.address_file.unlink(missing_ok=True)
        await self._within(self.app.stop())
        await self.pool.stop()
        for part in (*self.background, self.page):
            await part.stop()
        await self._within(self.publisher.stop())
        for store in self.stores:
            store.close()

    async def _within(self, stopping: Awaitable[None]) -> None:
        """Faust and aiokafka wait for ever where Kafka goes away in that very moment; what is not acked comes again."""
        try:
            await asyncio.wait_for(stopping, _STOP_WITHIN_S)
        except TimeoutError:
            log.warning("the stream did not stop within %.0f s and is left as it is", _STOP_WITHIN_S)
