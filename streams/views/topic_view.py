"""Views: state that is built from topics, complete in every worker.

A view stores records together with its positions, and applying a record again changes nothing, so after a crash no
record is missing or counted twice. There is no consumer group: each worker reads all partitions itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Protocol

from aiokafka import TopicPartition

from infra.kafka_connection import KafkaConnection
from schemas.faults import Fault
from streams.background import BackgroundTask
from streams.envelope import Record
from streams.kafka import make_consumer, partitions_of, record_of
from streams.log_position import ConnectionWatch, LogChangedError, Position, resume_positions
from streams.topics import MAX_MESSAGE_BYTES, Topic

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

    def check(self) -> None:
        """Raise a fault if the view is unusable or incomplete."""


class ViewUpdater(BackgroundTask):
    """Applies the records of `topics` to `view` in the background. `error` is why the view is behind, or None.

    It applies at most `max_batch` records at a time and sleeps `poll_interval_s` in between: larger batches cost less,
    for views that may be a little behind.
    """

    def __init__(
        self,
        kafka: KafkaConnection,
        topics: Sequence[Topic],
        view: View,
        *,
        poll_interval_s: float = 0.0,
        max_batch: int = 256,
    ) -> None:
        self._kafka = kafka
        self._view = view
        self._poll_interval_s = poll_interval_s
        self._max_batch = max_batch
        self._topics = [topic.full_name for topic in topics]
        self._partitions: list[TopicPartition] = []
        self._next: dict[TopicPartition, Position] = {}
        self._progressed = asyncio.Condition()
        self._consumer: Any = None
        self._connections = ConnectionWatch()
        self._next_check_at = 0.0
        self._healthy_at = monotonic()
        self.turn = asyncio.Lock()  # held while the view is called; who holds it may replace what the view is built of
        self.error: str | None = None

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
        """Return when all records published before this call are applied. Raises a fault if the view is unusable.

        Records behind an open transaction of another program are not waited for: it may last for minutes.
        """
        async with self._progressed:
            await self._progressed.wait_for(lambda: self._consumer is not None)
        ends = await self._consumer.end_offsets(self._partitions)
        async with self._progressed:
            await self._progressed.wait_for(lambda: all(self._is_applied(tp, end) for tp, end in ends.items()))
        async with self.turn:
            await asyncio.to_thread(self._view.check)

    def _is_applied(self, tp: TopicPartition, end: int) -> bool:
        return end == 0 or (tp in self._next and self._next[tp].offset >= end)

    async def _run(self) -> None:
        while True:
            try:
                await self._read()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - any cause may be temporary
                self.error = str(error) if isinstance(error, Fault) else f"{type(error).__name__}: {error}"
                log.warning("%s is behind and retries: %s", type(self._view).__name__, self.error)
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
        async with self.turn:
            stored = await asyncio.to_thread(self._view.positions)
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
            if positions != self._next:
                async with self.turn:
                    await asyncio.to_thread(self._view.apply, records, positions)
                self._next.update(positions)
                await self._mark_healthy()
            elif monotonic() >= self._next_check_at or self.error is not None:
                async with self.turn:
                    await asyncio.to_thread(self._view.check)
                await self._mark_healthy()
            await asyncio.sleep(self._poll_interval_s)

    async def _check_logs(self, consumer: Any) -> None:
        """Raise `LogChangedError`, after which all positions are sought again, if records that were read are lost."""
        if self._connections.changed(consumer._client) and await resume_positions(consumer, self._next) != self._next:
            raise LogChangedError("the broker lost records")

    async def _positions_after(self, consumer: Any, batches: Mapping[TopicPartition, Any]) -> Positions:
        after = self._next | {tp: self._next[tp].after(batch[-1]) for tp, batch in batches.items()}
        return {tp: position._replace(offset=await consumer.position(tp)) for tp, position in after.items()}

    async def _mark_healthy(self) -> None:
        self.error = None
        self._healthy_at = monotonic()
        self._next_check_at = monotonic() + _CHECK_INTERVAL_S
        await self._notify()

    async def _notify(self) -> None:
        async with self._progressed:
            self._progressed.notify_all()
