"""Views: state that is built from topics, complete in every worker.

A view stores records together with its positions, and applying a record again changes nothing, so after a crash no
record is missing or counted twice. There is no consumer group: each worker reads all partitions itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, Protocol, TypeVar, runtime_checkable

from aiokafka import TopicPartition

from infra.kafka_connection import KafkaConnection
from schemas.faults import Fault
from streams.background import BackgroundTask, to_its_end
from streams.envelope import Record
from streams.kafka import make_consumer, partitions_of, record_of
from streams.log_position import ConnectionWatch, LogChangedError, Position, resume_positions
from streams.topics import MAX_MESSAGE_BYTES

T = TypeVar("T")
log = logging.getLogger(__name__)
_RETRY_S = 1.0
_CHECK_INTERVAL_S = 2.0
_MAX_SILENT_S = 20.0

Positions = Mapping[TopicPartition, Position]


class View(Protocol):
    """State built from topics. Its methods are called on a thread, one call at a time."""

    def positions(self) -> Positions:
        """Return the position to read on from, by partition."""

    def apply(self, records: Sequence[Record], positions: Positions) -> None:
        """Apply records and store the positions, durably."""


@runtime_checkable
class IndexedView(View, Protocol):
    """A view that also fills a search index."""

    def is_complete(self) -> bool:
        """Return whether the search index has all that was applied.

        Other workers that have read more may have written to it. Raises a fault if it is unusable.
        """

    def complete(self) -> str:
        """Write what the index lacks, for some seconds at most; return what is left to do, or nothing.

        Called only if all records were applied that were published before `is_complete` returned False: otherwise
        something older could replace what other workers have written. Raises a fault if it is unusable.
        """


class ViewUpdater(BackgroundTask):
    """Applies the records of `topics`, named in full, to `view` in the background, then calls `on_applied`.

    `error` is why the view is behind, or None. It applies at most `max_batch` records at a time and sleeps
    `poll_interval_s` in between: larger batches cost less, for views that may be a little behind.
    """

    def __init__(
        self,
        kafka: KafkaConnection,
        topics: Sequence[str],
        view: View,
        *,
        poll_interval_s: float = 0.0,
        max_batch: int = 256,
    ) -> None:
        self._kafka = kafka
        self._view = view
        self._indexed = view if isinstance(view, IndexedView) else None
        self._poll_interval_s = poll_interval_s
        self._max_batch = max_batch
        self._topics = topics
        self._partitions: list[TopicPartition] = []
        self._next: dict[TopicPartition, Position] = {}
        self._progressed = asyncio.Condition()
        self._consumer: Any = None
        self._connections = ConnectionWatch()
        self._next_check_at = 0.0
        self._healthy_at = monotonic()
        self.lock = asyncio.Lock()  # held while the view is called; who holds it may replace what the view is built of
        self.error: str | None = None
        self.on_applied: Callable[[], None] = lambda: None

    def problem(self) -> str | None:
        """Return why the view is behind, or for how long it has not moved, or None."""
        silent_s = monotonic() - self._healthy_at
        if self.error is None and silent_s > _MAX_SILENT_S:
            return "it is neither read nor checked: its store or Kafka does not answer"
        return self.error

    async def start(self) -> None:
        """Start reading."""
        self._healthy_at = monotonic()
        await super().start()

    async def caught_up(self) -> None:
        """Return when all records published before this call are applied and the view is complete.

        Records behind an open transaction of another program are not waited for: it may last for minutes. Raises a
        fault if the view is unusable.
        """
        while True:
            async with self._progressed:
                await self._progressed.wait_for(lambda: self._consumer is not None)
            consumer = self._consumer
            ends = await consumer.end_offsets(self._partitions)
            async with self._progressed:
                await self._progressed.wait_for(lambda: self._are_applied(ends))  # noqa: B023
            if await self._completed(consumer):
                return

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when a condition on the view holds; it is checked whenever records are applied."""
        async with self._progressed:
            await self._progressed.wait_for(condition)

    def _are_applied(self, ends: Mapping[TopicPartition, int]) -> bool:
        return all(self._is_applied(tp, end) for tp, end in ends.items())

    def _is_applied(self, tp: TopicPartition, end: int) -> bool:
        return end == 0 or (tp in self._next and self._next[tp].offset >= end)

    async def _run(self) -> None:
        while True:
            try:
                await self._read()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - any cause may be temporary
                self._note(str(error) if isinstance(error, Fault) else f"{type(error).__name__}: {error}")
                await asyncio.sleep(_RETRY_S)

    async def _read(self) -> None:
        consumer = make_consumer(self._kafka, auto_offset_reset="none", max_partition_fetch_bytes=MAX_MESSAGE_BYTES)
        await consumer.start()
        try:
            await self._seek(consumer)
            self._consumer = consumer
            await self._notify()
            await self._follow(consumer)
        finally:
            self._consumer = None
            await consumer.stop()

    async def _seek(self, consumer: Any) -> None:
        self._partitions = await partitions_of(consumer._client, self._topics)
        async with self.lock:
            stored = await self._call(self._view.positions)
        self._next = await resume_positions(consumer, {tp: stored.get(tp) for tp in self._partitions})
        consumer.assign(self._partitions)
        for tp, position in self._next.items():
            consumer.seek(tp, position.offset)

    async def _follow(self, consumer: Any) -> None:
        while True:
            batches = await consumer.getmany(timeout_ms=500, max_records=self._max_batch)
            await self._check_logs(consumer)
            records = [record_of(message) for batch in batches.values() for message in batch]
            positions = await self._positions_after(consumer, batches)
            is_new = positions != self._next
            if is_new:
                async with self.lock:
                    await self._call(self._view.apply, records, positions)
                self._next.update(positions)
                self.on_applied()
                self._healthy_at = monotonic()
                await self._notify()
            if (is_new and not self._has_more(consumer)) or monotonic() >= self._next_check_at:
                await self._check(consumer)
            await asyncio.sleep(self._poll_interval_s)

    def _has_more(self, consumer: Any) -> bool:
        """Return whether the broker had more records than are applied when it last answered."""
        ends = {tp: consumer.last_stable_offset(tp) for tp in self._partitions}
        return not self._are_applied({tp: end for tp, end in ends.items() if end is not None})

    async def _check(self, consumer: Any) -> None:
        """Complete the view for some seconds, or note why it is behind."""
        try:
            pause_s = _CHECK_INTERVAL_S if await self._completed(consumer) else 0.0
        except Fault as fault:
            self._note(str(fault))
            pause_s = _RETRY_S
        self._healthy_at = monotonic()
        self._next_check_at = self._healthy_at + pause_s
        await self._notify()

    async def _completed(self, consumer: Any) -> bool:
        """Return whether the view is complete, after some seconds of completing it where all records are applied.

        The order matters: see `IndexedView.complete`. Raises the view's faults.
        """
        if self._indexed is None:
            self._note("")
            return True
        left = ""
        async with self.lock:
            if not await self._call(self._indexed.is_complete):
                if not self._are_applied(await consumer.end_offsets(self._partitions)):
                    return False
                left = await self._call(self._indexed.complete)
        self._note(left)
        return not left

    async def _call(self, method: Callable[..., T], *arguments: object) -> T:
        """Return what a method of the view returns, called on a thread, which ends before this does."""
        return await to_its_end(asyncio.to_thread(method, *arguments))

    def _note(self, error: str) -> None:
        """Note why the view is behind, or that it is not."""
        if error and not self.error:
            log.warning("%s is behind and retries: %s", type(self._view).__name__, error)
        self.error = error or None

    async def _check_logs(self, consumer: Any) -> None:
        """Raise `LogChangedError`, after which all positions are sought again, if records that were read are lost."""
        if self._connections.changed(consumer._client) and await resume_positions(consumer, self._next) != self._next:
            raise LogChangedError("the broker lost records")

    async def _positions_after(self, consumer: Any, batches: Mapping[TopicPartition, Any]) -> Positions:
        after = self._next | {tp: self._next[tp].after(batch[-1]) for tp, batch in batches.items()}
        return {tp: position._replace(offset=await consumer.position(tp)) for tp, position in after.items()}

    async def _notify(self) -> None:
        async with self._progressed:
            self._progressed.notify_all()
