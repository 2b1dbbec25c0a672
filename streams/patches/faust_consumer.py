"""A fix of Faust's consumer: a rebalance skips no event, and only offsets of processed events are committed.

Upstream: faust-streaming 0.15.3, issue 606. Remove this module when `make chaos` passes with Faust's own consumer.

Faust's consumer loses events if a rebalance happens while some are in its buffers: it seeks only partitions with a
committed offset, continues with records fetched before the seek, treats the gap that this leaves as acked, and commits
past a gap of one offset. It also drops fetched records while the flow is stopped; if recovery has just sought to such
a record, it waits for it forever. Here every seek waits until the fetcher is idle, and an offset is committed when all
events dispatched before it are acked. If several agents read a partition, reading continues when the queues of all
have space; Faust continues when the first has, and then blocks inside a fetch on the others.

An offset is committed some seconds after its events are done: by then their output is on the broker's disk
(`infra.local_kafka`), so after a power cut no event is committed whose output is lost.

A commit carries marks of the records before it (`streams.log_position`). At every start, and whenever the broker was
connected again, they are compared with the log: in one that lost its tail and was written again, the records up to the
committed offset would be skipped.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from time import monotonic, time
from typing import Any, NamedTuple, cast

import faust
from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
)
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver

from streams.log_position import ConnectionWatch, LogChangedError, Position, resume_positions
from streams.patches.aiokafka_records import TolerantConsumer, record_bytes
from streams.topics import TOPICS

log = logging.getLogger(__name__)
UPSTREAM = ("faust-streaming", "0.15.3")
_FETCH_TIMEOUT_S = 0.5
_COMMIT_TIMEOUT_S = 3.0
_COMMIT_DELAY_S = 5.0  # longer than a local Kafka takes to flush what it has acknowledged
_RETRY_S = 0.5
_YIELD_EVERY_RECORDS = 100
_FROM_NOW = frozenset(topic.full_name for topic in TOPICS if topic.from_now)
_RECENT_S = 300.0  # partitions may be added while workers run, and get records before these notice
_MAX_UNACKED_BYTES = 16 << 20  # of a partition: a queue has space for 320 records, and one may have 8 MiB


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.connected_again = False
        self._connections = ConnectionWatch()

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer.__class__ = TolerantConsumer  # Faust hard-codes the class; the consumer has not started yet
        consumer._isolation_level = "read_committed"
        return consumer

    async def resume_positions(self, positions: Mapping[Any, Position | None]) -> dict[Any, Position]:
        """Return from where to read on; see `streams.log_position`."""
        by_tp = {driver.ensure_aiokafka_TP(tp): position for tp, position in positions.items()}
        found = await self.call_thread(resume_positions, self._ensure_consumer(), by_tp)
        return {ensure_TP(tp): position for tp, position in found.items()}

    async def committed_positions(self, tps: Iterable[Any]) -> dict[Any, Position | None]:
        """Return the committed positions with their marks, None without one."""
        coordinator = self._ensure_consumer()._coordinator
        by_tp = {driver.ensure_aiokafka_TP(tp): tp for tp in tps}
        found = await self.call_thread(coordinator.fetch_committed_offsets, list(by_tp))
        return {tp: Position.of_commit(found.get(key)) for key, tp in by_tp.items()}

    async def recent_positions(self, tps: Iterable[Any]) -> dict[Any, Position]:
        """Return the positions of the first records of the last minutes: see `from_now` of `streams.topics`."""
        by_tp = {driver.ensure_aiokafka_TP(tp): tp for tp in tps}
        found = await self.call_thread(_recent_offsets, self._ensure_consumer(), list(by_tp)) if by_tp else {}
        return {by_tp[key]: Position(offset) for key, offset in found.items()}

    async def positions(self, tps: Iterable[Any]) -> dict[Any, int]:
        """Return the offsets to be fetched next, of the partitions that are assigned and have one."""
        by_tp = {driver.ensure_aiokafka_TP(tp): tp for tp in tps}
        found = await self.call_thread(_positions, self._ensure_consumer(), list(by_tp))
        return {by_tp[key]: position for key, position in found.items()}

    async def _fetch_records(self, consumer: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return await super()._fetch_records(consumer, *arguments, **options)
        except NoOffsetForPartitionError:
            return {}  # assigned again while records were waited for, and not sought yet
        finally:
            self.connected_again = self._connections.changed(consumer._client) or self.connected_again

    async def _commit(self, offsets: Mapping[Any, int]) -> bool:
        marks_before = cast("Consumer", self.consumer).marks_before
        commits = {
            driver.ensure_aiokafka_TP(tp): OffsetAndMetadata(offset, marks_before(tp, offset))
            for tp, offset in offsets.items()
            if tp in self.assignment()
        }
        try:
            await self._ensure_consumer().commit(commits)
        except (CommitFailedError, IllegalStateError) as error:
            if "already rebalanced" not in str(error):
                await self.crash(error)
            return False
        return True


async def _recent_offsets(consumer: Any, tps: Sequence[Any]) -> dict[Any, int]:
    ends = await consumer.end_offsets(tps)
    found = await consumer.offsets_for_times(dict.fromkeys(tps, int((time() - _RECENT_S) * 1000)))
    offsets = {tp: end if found.get(tp) is None else found[tp].offset for tp, end in ends.items()}
    for tp, offset in offsets.items():
        log.info("%s[%d] is read for the first time, from offset %d: earlier records are passed over", *tp, offset)
    return offsets


async def _positions(consumer: Any, tps: Iterable[Any]) -> dict[Any, int]:
    # aiokafka's own method waits for a position that a partition may not get.
    assignment = consumer._subscription.subscription.assignment
    states = {} if assignment is None else {tp: assignment.state_value(tp) for tp in tps}
    return {tp: state.position for tp, state in states.items() if state is not None and state.has_valid_position}


class PartitionState(NamedTuple):
    """Offsets of a partition of a source topic that is assigned to this worker.

    `committed`: the next one to work on; `position`: the next one to fetch; `end`: that of the next record; `stable`:
    the first one of an open transaction, or `end`; `handed_over`: the number of fetched events that are not done.
    """

    topic: str
    partition: int
    committed: int
    position: int
    end: int
    stable: int
    handed_over: int


class Consumer(driver.Consumer):
    """Dispatches messages to the agents' queues, which have space for a whole fetch: dispatching never blocks."""

    _thread: _ConsumerThread

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._idle = asyncio.Event()
        self._idle.set()
        self._dispatched: defaultdict[Any, deque[Any]] = defaultdict(deque)  # records, not committed, in order
        self._last: dict[Any, Any] = {}  # the last record dispatched
        self._positions: dict[Any, Position] = {}  # after the events that are done, at first those that were sought
        self._to_commit: defaultdict[Any, deque[tuple[float, Position]]] = defaultdict(deque)  # with their times
        self._committing: dict[Any, Position] = {}
        self._commit_delay_s = _COMMIT_DELAY_S
        self._sought: set[Any] = set()  # only these are read: the others have no position yet
        self._unacked_bytes: Counter[Any] = Counter()  # of dispatched records
        self._last_of_changelog: dict[Any, int] = {}  # the last offset dispatched
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
        """Seek each partition to its committed offset, or to an earlier one: see `streams.log_position`."""
        self._full_queues.clear()
        self._last_of_changelog.clear()
        await self.idle()
        sources = [tp for tp in self.assignment() if not self._is_changelog_tp(tp)]
        committed = await self._thread.committed_positions(sources)
        new = [tp for tp, position in committed.items() if position is None and tp.topic in _FROM_NOW]
        positions = await self._thread.resume_positions(committed | await self._thread.recent_positions(new))
        await self.seek_wait({tp: position.offset for tp, position in positions.items()})
        for tp, position in positions.items():
            self._positions[tp] = position
            self._committed_offset[tp] = position.offset or None
            self._last.pop(tp, None)
            for by_partition in (self._dispatched, self._acked, self._acked_index, self._to_commit):
                by_partition[tp].clear()
            self._unacked_bytes[tp] = 0
        # Committed although nothing is done: after another start "now" would be later, and a lost log longer.
        earlier = [tp for tp, stored in committed.items() if stored and positions[tp].offset < stored.offset]
        for tp in (*new, *earlier):
            self._to_commit[tp].append((0.0, positions[tp]))
            self._acked[tp], self._committed_offset[tp] = [], None

    async def resume_positions(self, positions: Mapping[Any, Position | None]) -> dict[Any, Position]:
        """Return from where to read on; see `streams.log_position`."""
        return await self._thread.resume_positions(positions)

    async def seek_wait(self, partitions: Mapping[Any, int]) -> None:
        """Seek partitions to offsets, and return when they are there."""
        await self._thread.seek_wait({driver.ensure_aiokafka_TP(tp): offset for tp, offset in partitions.items()})
        self._sought.update(partitions)

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        """Commit first: events acked since the last commit would be delivered again."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._commit_all(), _COMMIT_TIMEOUT_S)
        self._sought.clear()
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
        self._unacked_bytes[message.tp] = max(0, self._unacked_bytes[message.tp] - record_bytes(message))
        return True

    def _new_offset(self, tp: Any) -> int | None:
        self._advance(tp)
        waiting, due = self._to_commit[tp], None
        while waiting and waiting[0][0] <= monotonic() - self._commit_delay_s:
            _, due = waiting.popleft()
        if due is None:
            return None
        self._committing[tp] = due
        return due.offset

    def _advance(self, tp: Any) -> None:
        """Move the position of a partition over the events that are done."""
        dispatched, acked = self._dispatched[tp], self._acked_index[tp]
        last = None
        while dispatched and dispatched[0].offset in acked:
            last = dispatched.popleft()
            acked.discard(last.offset)
        if last is not None:
            self._positions[tp] = self._positions[tp].after(last)
            self._to_commit[tp].append((monotonic(), self._positions[tp]))

    def marks_before(self, tp: Any, offset: int) -> str:
        """Return the marks to commit with an offset, as text."""
        position = self._committing.get(tp)
        return position.marks_text if position is not None and position.offset == offset else ""

    async def _commit_all(self) -> None:
        """Commit without delay: the partitions are given up."""
        self._commit_delay_s = 0.0
        try:
            await self.maybe_wait_for_commit_to_finish()
            await self.commit()
        finally:
            self._commit_delay_s = _COMMIT_DELAY_S

    async def on_stop(self) -> None:
        """Commit all events that are done, and stop."""
        self._commit_delay_s = 0.0
        await self.maybe_wait_for_commit_to_finish()
        await super().on_stop()

    def partition_states(self) -> Iterator[PartitionState]:
        """Yield the states of the source partitions that are read, as far as they are known."""
        subscription = self._thread._ensure_consumer()._subscription.subscription
        assignment = subscription and subscription.assignment
        for tp in assignment.tps if assignment is not None else ():
            fetched = assignment.state_value(tp)
            if tp not in self._sought or self._is_changelog_tp(tp) or not fetched.has_valid_position:
                continue
            if fetched.highwater is not None:
                stable = fetched.highwater if fetched.lso is None or fetched.lso < 0 else fetched.lso
                offsets = (self._committed_offset.get(tp) or 0, fetched.position, fetched.highwater, stable)
                yield PartitionState(tp.topic, tp.partition, *offsets, len(self._dispatched.get(tp, ())))

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
        active = self._readable_partitions()
        if not active:
            await asyncio.sleep(_FETCH_TIMEOUT_S / 10)
            return
        self._idle.clear()
        try:
            generation = self.app.consumer_generation_id
            records = await self._getmany(active, _FETCH_TIMEOUT_S)
            await asyncio.sleep(0)
            if self._thread.connected_again:
                await self._check_logs(generation)
            await self._dispatch(records, generation)
            if self.app.in_recovery and not records:
                await self._dispatch_gaps(active, generation)
        finally:
            self._idle.set()

    def _readable_partitions(self) -> set[Any]:
        queued = self._unacked_bytes
        active = {tp for tp in self._get_active_partitions() if queued[tp] < _MAX_UNACKED_BYTES}
        return active & self._sought  # a new set: Faust changes its own while records are waited for

    async def _check_logs(self, generation: int) -> None:
        """Raise `LogChangedError` if a partition does not have the log that was read: the worker must start again."""
        read = {
            tp: position.after(self._last[tp]) if tp in self._last else position
            for tp, position in self._positions.items()
            if tp in self.assignment()
        }
        while generation == self.app.consumer_generation_id and self.flow_active:
            self._thread.connected_again = False
            try:
                found = await self._thread.resume_positions(read)
            except KafkaError:
                self._thread.connected_again = True
                await asyncio.sleep(_RETRY_S)
                continue
            if changed := [f"{tp.topic}[{tp.partition}]" for tp in read if found[tp] != read[tp]]:
                raise LogChangedError(f"the broker lost records of {', '.join(changed)}")
            return

    async def _dispatch(self, records: Any, generation: int) -> None:
        for number, (tp, record) in enumerate(self.scheduler.iterate(records)):
            if number % _YIELD_EVERY_RECORDS == _YIELD_EVERY_RECORDS - 1:
                await asyncio.sleep(0)
            if generation != self.app.consumer_generation_id or not self.app.flow_control.is_active():
                return  # a rebalance: all positions are sought when it ends
            if self.flow_active or self._is_changelog_tp(tp):
                await self._dispatch_record(tp, record)  # else its position is sought again when the flow resumes

    async def _dispatch_gaps(self, partitions: set[Any], generation: int) -> None:
        """Dispatch an empty record for the last offset that was read of each changelog, if it has no record."""
        positions = await self._thread.positions(filter(self._is_changelog_tp, partitions))
        if generation != self.app.consumer_generation_id or not self.app.flow_control.is_active():
            return
        for tp, position in positions.items():
            if position - 1 > self._last_of_changelog.get(tp, -1):
                place = (tp.topic, tp.partition, position - 1)
                await self._dispatch_record(tp, ConsumerRecord(*place, -1, 0, None, None, None, -1, -1, ()))

    async def _dispatch_record(self, tp: Any, record: Any) -> None:
        if not self._is_changelog_tp(tp):
            last = self._last.get(tp)
            if record.offset < (self._positions[tp].offset if last is None else last.offset + 1):
                return
            self._last[tp] = record
            self._dispatched[tp].append(record)
            self._unacked_bytes[tp] += record_bytes(record)
        else:
            self._last_of_changelog[tp] = record.offset
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
