"""The worker: starts its parts, runs until it is stopped, and stops them in order."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import faust

from infra.base.atomic_file import replacing
from infra.base.exit_status import status_after
from infra.kafka_connection import KafkaConnection
from schemas.faults import Retryable
from streams.page.server import Page
from streams.stage.in_flight import InFlight
from streams.topics import specs
from streams.worker.create_topics import ensure_topics
from streams.worker.partition_watch import partitions_added
from streams.worker.publisher import KafkaPublisher
from streams.worker.step_pool import StepPool

log = logging.getLogger(__name__)
_STOP_TIMEOUT_S = 8.0
_TOPIC_NAMES = [spec.name for spec in specs()]


class Background(Protocol):
    """A part that runs in the background."""

    async def start(self) -> None:
        """Start."""

    async def stop(self) -> None:
        """Stop."""


class Closeable(Protocol):
    """A store or lock that is held open."""

    def close(self) -> None:
        """Close it."""


@dataclass
class Worker:
    """One worker on one machine, built by `streams.worker.build`.

    `address_file` has the address of its page while it runs; `grace_s` is how many seconds it waits for events in
    progress when it is stopped; `stores` are closed at the end, in order; `exhausted` returns a message when the worker
    must start again; `is_up_to_date` returns when it knows which requests are cancelled or held: events wait for that.
    """

    kafka: KafkaConnection
    address_file: Path
    grace_s: float
    app: faust.App
    in_flight: InFlight
    publisher: KafkaPublisher
    page: Page
    background: Sequence[Background]
    pool: StepPool
    stores: Sequence[Closeable]
    exhausted: Callable[[], Awaitable[str]]
    is_up_to_date: Callable[[], Awaitable[None]]
    _state: str = "starting"

    @property
    def state(self) -> str:
        """Return "starting" or "stopping", or nothing while it runs."""
        return self._state

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT, and return the number of that signal.

        Raises: `Retryable` (`stream`): the Faust application failed, a topic has more partitions than before, or
        threads do not end.
        """
        stopping: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, _request_stop, stopping, number)
        await ensure_topics(self.kafka, specs())
        await self.page.start()
        for part in (self.publisher, *self.background):
            await part.start()
        self.app.on_startup_finished = self._publish_address
        try:
            await self._until(stopping)
        finally:
            await self._stop()
        return stopping.result()

    async def _until(self, stop_requested: asyncio.Future[int]) -> None:
        app: asyncio.Future[Any] = asyncio.ensure_future(self._start_app())
        failed: asyncio.Future[Any] = asyncio.ensure_future(self.app.wait_until_stopped())
        again = asyncio.ensure_future(self._must_start_again())
        # If the start fails, `wait_until_stopped` does not return, so both are awaited.
        await asyncio.wait({app, stop_requested}, return_when=asyncio.FIRST_COMPLETED)
        if not stop_requested.done() and app.exception() is None:
            await asyncio.wait({failed, stop_requested, again}, return_when=asyncio.FIRST_COMPLETED)
        again.cancel()
        starts_again = again.done() and app.exception() is None
        if not stop_requested.done() and not starts_again:
            reason = app.exception() or self.app.crash_reason
            raise Retryable(f"the stream failed: {reason!r}", reason="stream") from reason
        await self._drain()
        failed.cancel()
        app.cancel()
        if starts_again and not stop_requested.done():
            raise Retryable(again.result(), reason="stream")

    async def _start_app(self) -> None:
        await self.is_up_to_date()
        await self.app.start()

    async def _must_start_again(self) -> str:
        """Return a message when the worker must start again."""
        added = asyncio.ensure_future(partitions_added(lambda: self.publisher.partitions(_TOPIC_NAMES)))
        exhausted = asyncio.ensure_future(self.exhausted())
        try:
            done, _ = await asyncio.wait({added, exhausted}, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            added.cancel()
            exhausted.cancel()

    async def _drain(self) -> None:
        self._state = "stopping"
        self.address_file.unlink(missing_ok=True)
        left = await self.in_flight.drain(self.grace_s)
        if left:
            log.warning("%d events are not finished after %.0f s and will be processed again", left, self.grace_s)

    async def _publish_address(self) -> None:
        self._state = ""
        gc.collect()
        gc.freeze()  # objects created so far are long-lived: scanning them in each collection took 20 % of the time
        gc.set_threshold(20_000, 20, 20)
        address = {"pid": os.getpid(), "url": self.page.url, "bootstrap": self.kafka.bootstrap}
        with replacing(self.address_file, durable=False) as temporary:
            temporary.write_text(json.dumps(address))
        log.info("ready", extra={"page": self.page.url, "kafka": self.kafka.bootstrap})

    async def _stop(self) -> None:
        self._state = "stopping"
        self.address_file.unlink(missing_ok=True)
        await self._with_timeout(self.app.stop())
        await self.pool.stop()
        for part in (*self.background, self.page):
            await part.stop()
        await self._with_timeout(self.publisher.stop())
        for store in self.stores:
            store.close()

    async def _with_timeout(self, stopping: Awaitable[None]) -> None:
        """Wait at most 8 s: without Kafka, Faust and aiokafka wait forever; unacked events are delivered again."""
        try:
            await asyncio.wait_for(stopping, _STOP_TIMEOUT_S)
        except TimeoutError:
            log.warning("the stream did not stop within %.0f s and is abandoned", _STOP_TIMEOUT_S)


def _request_stop(stopping: asyncio.Future[int], number: int) -> None:
    """Note the first signal. A second Ctrl-C ends the process at once: what was not finished is processed again."""
    if not stopping.done():
        stopping.set_result(number)
    elif number == signal.SIGINT:
        os._exit(status_after(number))
