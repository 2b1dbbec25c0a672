"""A fix of Faust's consumer: a rebalance skips no event, and only offsets of processed events are committed.

Upstream: faust-streaming 0.15.3, issue 606. Remove this module when `make chaos` passes with Faust's own consumer.

Faust's consumer loses events if a rebalance happens while some are in its buffers: it seeks only partitions with a
committed offset, continues with records fetched before the seek, treats the gap that this leaves as acked, and commits
past a gap of one offset. It also drops fetched records while the flow is stopped; if recovery has just sought to such
a record, it waits for it forever. Here every seek waits until the fetcher is idle, and an offset is committed when all
events dispatched before it are acked. If several agents read a partition, reading continues when the queues of all
have space; Faust continues when the first has, and then blocks inside a fetch on the others.
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

from streams.patches.aiokafka_records import TolerantConsumer

UPSTREAM = ("faust-streaming", "0.15.3")
_FETCH_TIMEOUT_S = 0.5
_COMMIT_TIMEOUT_S = 3.0
_YIELD_EVERY_RECORDS = 100


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer.__class__ = TolerantConsumer  # Faust hard-codes the class; the consumer has not started yet
        consumer._isolation_level = "read_committed"
        return consumer


class Consumer(driver.Consumer):
    """Dispatches messages to the agents' queues, which have space for a whole fetch: dispatching never blocks."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._idle = asyncio.Event()
        self._idle.set()
        self._dispatched: defaultdict[Any, deque[int]] = defaultdict(deque)  # not committed, in order
        self._next_offsets: dict[Any, int] = {}  # the lowest offset that may be dispatched next
        self._full_queues: Counter[Any] = Counter()  # by partition: number of its agents' queues that are full

    def _new_consumer_thread(self) -> Any:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def on_buffer_full(self, tp: Any) -> None:
        """Pause a partition while any of its queues is full."""
        self._full_queues[tp] += 1
        super().on_buffer_full(tp)

    def on_buffer_drop(self, tp: Any) -> None:
        """Resume a partition when none of its queues is full: each step that reads it has one."""
        self._full_queues[tp] = max(0, self._full_queues[tp] - 1)
        if not self._full_queues[tp]:
            super().on_buffer_drop(tp)

    async def perform_seek(self) -> None:
        """Seek each partition to its committed offset, or to its beginning if it has none."""
        self._full_queues.clear()
        await self.idle()
        committed = {ensure_TP(tp): offset or 0 for tp, offset in (await self.seek_to_committed()).items()}
        sources = {tp: offset for tp, offset in committed.items() if not self._is_changelog_tp(tp)}
        uncommitted = [tp for tp, offset in sources.items() if not offset]
        if uncommitted:
            await self._thread.seek_to_beginning(*(driver.ensure_aiokafka_TP(tp) for tp in uncommitted))
        for tp, offset in sources.items():
            self._next_offsets[tp] = offset
            self._committed_offset[tp] = offset or None
            for by_partition in (self._dispatched, self._acked, self._acked_index):
                by_partition[tp].clear()

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        """Commit first: events acked since the last commit would be delivered again."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.commit(), _COMMIT_TIMEOUT_S)
        await super().on_partitions_revoked(revoked)

    def track_message(self, message: Any) -> None:
        """Do nothing: dispatched messages are tracked by their offsets."""

    def ack(self, message: Any) -> bool:
        """Record that a message has been processed; return False if it was acked before."""
        if message.acked:
            return False
        message.acked = True
        self._acked[message.tp] = []  # Faust reads its keys: the partitions with something to commit
        self._acked_index[message.tp].add(message.offset)
        return True

    def _new_offset(self, tp: Any) -> int | None:
        dispatched, acked = self._dispatched[tp], self._acked_index[tp]
        new = None
        while dispatched and dispatched[0] in acked:
            last = dispatched.popleft()
            acked.discard(last)
            new = last + 1
        return new

    async def idle(self) -> None:
        """Return when no fetch is in progress; this lasts only while the flow is stopped."""
        await self._idle.wait()

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self._fetch_and_dispatch()
        except (ConsumerStoppedError, asyncio.CancelledError):
            if not self.transport.app.should_stop:
                raise
        finally:
            self._idle.set()

    async def _fetch_and_dispatch(self) -> None:
        if not self.flow_active:
            await self.can_resume_flow.wait()
        if not self._get_active_partitions():
            await asyncio.sleep(_FETCH_TIMEOUT_S / 10)
            return
        self._idle.clear()
        try:
            generation = self.app.consumer_generation_id
            records = await self._getmany(self._get_active_partitions(), _FETCH_TIMEOUT_S)
            await asyncio.sleep(0)
            await self._dispatch(records, generation)
        finally:
            self._idle.set()

    async def _dispatch(self, records: Any, generation: int) -> None:
        for number, (tp, record) in enumerate(self.scheduler.iterate(records)):
            if number % _YIELD_EVERY_RECORDS == _YIELD_EVERY_RECORDS - 1:
                await asyncio.sleep(0)
            if generation != self.app.consumer_generation_id or not self.app.flow_control.is_active():
                return  # a rebalance: all positions are sought when it ends
            if self.flow_active or self._is_changelog_tp(tp):
                await self._dispatch_record(tp, record)  # else its position is sought again when the flow resumes

    async def _dispatch_record(self, tp: Any, record: Any) -> None:
        if not self._is_changelog_tp(tp):
            if record.offset < self._next_offsets.get(tp, 0):
                return
            self._next_offsets[tp] = record.offset + 1
            self._dispatched[tp].append(record.offset)
        await self.callback(self._to_message(tp, record))


class Transport(driver.Transport):
    """Faust's transport with the consumer above."""

    Consumer = Consumer


class App(faust.App):
    """Faust's application with the transport above, and without sensors: unused, they cost 10 % of the time."""

    def on_init_dependencies(self) -> Any:
        """Return the services to start; the sensors' monitor is not used."""
        services = super().on_init_dependencies()
        self.sensors.remove(self.monitor)
        return services

    def on_rebalance_start(self) -> None:
        """Start a rebalance. Without sensors Faust would log a warning each time; this value prevents it."""
        super().on_rebalance_start()
        self._rebalancing_sensor_state = {"sensors": None}

    def _new_transport(self) -> Any:
        return Transport(self.conf.broker_consumer, self)
