"""Views: state that is built from topics, whole in every worker.

A view takes records and notes how far it has read in one go, and applying a record again changes nothing, so whatever
happens in between nothing is missed or doubled. There is no consumer group: each worker reads all partitions itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Protocol

from aiokafka import TopicPartition

from schemas.faults import Fault
from streams.envelope import Record
from streams.kafka import make_consumer, record_of
from streams.topics import MAX_MESSAGE_BYTES, PARTITIONS, Topic

log = logging.getLogger(__name__)
_RETRY_S = 1.0
_CHECK_EVERY_S = 2.0

Positions = Mapping[TopicPartition, int]


class View(Protocol):
    """What is built from topics. Called from a thread, one call at a time."""

    def positions(self) -> Positions:
        """Return the offset to read next, by partition."""

    def apply(self, records: Sequence[Record], positions: Positions) -> None:
        """Take records in, and note the positions, durably."""

    def check(self) -> None:
        """Raise what keeps the view from being used, or from being whole."""


class ViewUpdater:
    """Reads `topics` into `view` in the background. `error` says why it is behind, or None.

    It takes `max_batch` records at once, and lets records gather for `gather_s` before it reads on: for views that may
    be a little behind, and cost less so.
    """

    def __init__(
        self, bootstrap: str, topics: Sequence[Topic], view: View, *, gather_s: float = 0.0, max_batch: int = 256
    ) -> None:
        self._bootstrap = bootstrap
        self._view = view
        self._gather_s = gather_s
        self._max_batch = max_batch
        self._partitions = [TopicPartition(topic.full_name, n) for topic in topics for n in range(PARTITIONS)]
        self._next: dict[TopicPartition, int] = {}
        self._moved = asyncio.Condition()
        self._consumer: Any = None
        self._task: asyncio.Task[None] | None = None
        self._check_at = 0.0
        self.error: str | None = None

    async def start(self) -> None:
        """Begin reading."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def caught_up(self) -> None:
        """Return when everything published before this call is in the view. Raises what keeps the view from use."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._consumer is not None)
        ends = await self._consumer.end_offsets(self._partitions)
        async with self._moved:
            await self._moved.wait_for(lambda: all(self._next.get(tp, 0) >= end for tp, end in ends.items()))
        await asyncio.to_thread(self._view.check)

    async def _run(self) -> None:
        while True:
            try:
                await self._read()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever keeps the view from us, it may come back
                self.error = str(error) if isinstance(error, Fault) else f"{type(error).__name__}: {error}"
                log.warning("%s is behind, trying again: %s", type(self._view).__name__, self.error)
                await asyncio.sleep(_RETRY_S)

    async def _read(self) -> None:
        consumer = make_consumer(
            self._bootstrap, auto_offset_reset="earliest", max_partition_fetch_bytes=MAX_MESSAGE_BYTES
        )
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
        consumer.assign(self._partitions)
        positions = await asyncio.to_thread(self._view.positions)
        ends = await consumer.end_offsets(self._partitions)
        self._next = {}
        for place in self._partitions:
            position = positions.get(place, 0)
            if position > ends[place]:
                log.warning(
                    "%s[%d] ends at %d and was read to %d: the broker lost records", *place, ends[place], position
                )
                position = 0
            self._next[place] = position
            consumer.seek(place, position)

    async def _follow(self, consumer: Any) -> None:
        while True:
            batches = await consumer.getmany(timeout_ms=500, max_records=self._max_batch)
            records = [record_of(message) for batch in batches.values() for message in batch]
            positions = {place: await consumer.position(place) for place in self._partitions}
            if positions != self._next:
                await asyncio.to_thread(self._view.apply, records, positions)
                self._next.update(positions)
                await self._works()
            elif monotonic() >= self._check_at or self.error is not None:
                await asyncio.to_thread(self._view.check)
                await self._works()
            await asyncio.sleep(self._gather_s)

    async def _works(self) -> None:
        self.error = None
        self._check_at = monotonic() + _CHECK_EVERY_S
        await self._notify()

    async def _notify(self) -> None:
        async with self._moved:
            self._moved.notify_all()
