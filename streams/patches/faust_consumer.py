"""Faust's consumer, mended: no event is skipped by a rebalance, and what is committed has been worked on.

Upstream: faust-streaming 0.15.3, issue 606. This can go when `make chaos` passes with Faust's own consumer.

Faust's own loses events where a rebalance finds some in its buffers: it seeks only partitions with a commit, goes on
with what it fetched before the seek and takes the hole this leaves for acked, and commits past a hole of one. It also
drops what a fetch brings while the flow is stopped; recovery may have sought to that very record by then and waits for
it for ever. Here every seek waits until the fetcher is idle, and an offset is committed when all handed out before it
is acked. Where several agents read a partition, it is read on when the queues of all have room; Faust goes on with
the first, and then waits in the middle of a fetch for the others.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from contextlib import suppress
from typing import Any

import faust
from aiokafka.errors import ConsumerStoppedError
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver

from streams.patches.aiokafka_headers import TolerantConsumer

UPSTREAM = ("faust-streaming", "0.15.3")
_FETCH_WITHIN_S = 0.5
_COMMIT_WITHIN_S = 3.0
_YIELD_EVERY = 100


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer.__class__ = TolerantConsumer  # Faust names the class; nothing of it has started yet
        return consumer


class Consumer(driver.Consumer):
    """Hands messages to the agents' queues, which have room for what one fetch brings: nothing in it blocks."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._idle = asyncio.Event()
        self._idle.set()
        self._given: defaultdict[Any, deque[int]] = defaultdict(deque)  # offsets handed out and not committed, in order
        self._due: dict[Any, int] = {}  # the least offset to be handed out next
        self._full_queues: Counter[Any] = Counter()  # by partition: its agents' queues that take no more for now

    def _new_consumer_thread(self) -> Any:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def on_buffer_full(self, tp: Any) -> None:
        """Stop reading a partition while any queue of it is full."""
        self._full_queues[tp] += 1
        super().on_buffer_full(tp)

    def on_buffer_drop(self, tp: Any) -> None:
        """Read a partition again when no queue of it is full: where several steps read it, each has a queue."""
        self._full_queues[tp] = max(0, self._full_queues[tp] - 1)
        if not self._full_queues[tp]:
            super().on_buffer_drop(tp)

    async def perform_seek(self) -> None:
        """Go back to where each partition is committed to, or to its beginning."""
        self._full_queues.clear()
        await self.idle()
        committed = {ensure_TP(place): offset or 0 for place, offset in (await self.seek_to_committed()).items()}
        sources = {place: offset for place, offset in committed.items() if not self._is_changelog_tp(place)}
        fresh = [place for place, offset in sources.items() if not offset]
        if fresh:
            await self._thread.seek_to_beginning(*(driver.ensure_aiokafka_TP(place) for place in fresh))
        for place, offset in sources.items():
            self._due[place] = offset
            self._committed_offset[place] = offset or None
            for kept in (self._given, self._acked, self._acked_index):
                kept[place].clear()

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        """Commit first: what has been acked since the last commit would come again."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.commit(), _COMMIT_WITHIN_S)
        await super().on_partitions_revoked(revoked)

    def track_message(self, message: Any) -> None:
        """Nothing: what is handed out is known by its offset."""

    def ack(self, message: Any) -> bool:
        """Note that a message has been worked on."""
        if message.acked:
            return False
        message.acked = True
        self._acked[message.tp] = []  # Faust looks here for partitions with something to commit
        self._acked_index[message.tp].add(message.offset)
        return True

    def _new_offset(self, tp: Any) -> int | None:
        given, acked = self._given[tp], self._acked_index[tp]
        new = None
        while given and given[0] in acked:
            last = given.popleft()
            acked.discard(last)
            new = last + 1
        return new

    async def idle(self) -> None:
        """Return when no fetch is under way. Only while the flow is stopped does it stay so."""
        await self._idle.wait()

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self._fetch_and_hand_out()
        except (ConsumerStoppedError, asyncio.CancelledError):
            if not self.transport.app.should_stop:
                raise
        finally:
            self._idle.set()

    async def _fetch_and_hand_out(self) -> None:
        if not self.flow_active:
            await self.can_resume_flow.wait()
        if not self._get_active_partitions():
            await asyncio.sleep(_FETCH_WITHIN_S / 10)
            return
        self._idle.clear()
        try:
            generation = self.app.consumer_generation_id
            records = await self._getmany(self._get_active_partitions(), _FETCH_WITHIN_S)
            await asyncio.sleep(0)
            await self._hand_out(records, generation)
        finally:
            self._idle.set()

    async def _hand_out(self, records: Any, generation: int) -> None:
        for number, (place, record) in enumerate(self.scheduler.iterate(records)):
            if number % _YIELD_EVERY == _YIELD_EVERY - 1:
                await asyncio.sleep(0)
            if generation != self.app.consumer_generation_id or not self.app.flow_control.is_active():
                return  # a rebalance: every position is sought anew when it is over
            if self.flow_active or self._is_changelog_tp(place):
                await self._hand_over(place, record)  # else it is sought again when work begins

    async def _hand_over(self, place: Any, record: Any) -> None:
        if not self._is_changelog_tp(place):
            if record.offset < self._due.get(place, 0):
                return
            self._due[place] = record.offset + 1
            self._given[place].append(record.offset)
        await self.callback(self._to_message(place, record))


class Transport(driver.Transport):
    """Faust's transport, with our consumer."""

    Consumer = Consumer


class App(faust.App):
    """Faust's application, with our transport, and without sensors: nobody reads them, and they cost a tenth."""

    def on_init_dependencies(self) -> Any:
        """The services it starts."""
        services = super().on_init_dependencies()
        self.sensors.remove(self.monitor)
        return services

    def on_rebalance_start(self) -> None:
        """A rebalance begins. Faust warns of each one where there are no sensors to tell; this value keeps it quiet."""
        super().on_rebalance_start()
        self._rebalancing_sensor_state = {"sensors": None}

    def _new_transport(self) -> Any:
        return Transport(self.conf.broker_consumer, self)
