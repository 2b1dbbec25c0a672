"""Keeps a view of a topic: every worker reads all of its partitions from where its own view stands, for good.

A view takes records in and notes how far in one go, and taking one in again changes nothing, so whatever happens in
between nothing is missed or doubled. No group: each worker has the whole.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.faults import Fault
from streams.envelope import Record, as_headers
from streams.patches.aiokafka_headers import read_leniently
from streams.topics import MAX_MESSAGE_BYTES, PARTITIONS, Topic

log = logging.getLogger(__name__)
_RETRY_S = 1.0
_CHECK_EVERY_S = 2.0
_AT_ONCE = 256


class View(Protocol):
    """What is kept of a topic. Called from a thread, one call at a time."""

    def positions(self) -> Mapping[int, int]:
        """By partition: the offset to read next."""

    def take(self, records: Sequence[Record], positions: Mapping[int, int]) -> None:
        """Take records in, and note how far, durably."""

    def check(self) -> None:
        """Raise what keeps the view from being used, or from being whole."""


class TopicReader:
    """Reads `topic` into `view` in the background. `error` says why it is behind, or None.

    `gather_s` is how long it lets records gather before it reads on: for views that may be a little behind.
    """

    def __init__(self, bootstrap: str, topic: Topic, view: View, gather_s: float = 0.0) -> None:
        self._bootstrap = bootstrap
        self._view = view
        self._gather_s = gather_s
        self._places = [TopicPartition(topic.full_name, number) for number in range(PARTITIONS)]
        self._next: dict[int, int] = {}
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
        ends = await self._consumer.end_offsets(self._places)
        async with self._moved:
            await self._moved.wait_for(lambda: all(self._next.get(tp.partition, 0) >= end for tp, end in ends.items()))
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
        read_leniently()
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=MAX_MESSAGE_BYTES,
        )
        await consumer.start()
        try:
            await self._seek(consumer)
            self._consumer = consumer
            await self._tell()
            await self._follow(consumer)
        finally:
            self._consumer = None
            await consumer.stop()

    async def _seek(self, consumer: Any) -> None:
        consumer.assign(self._places)
        known = await asyncio.to_thread(self._view.positions)
        ends = await consumer.end_offsets(self._places)
        self._next = {}
        for place in self._places:
            stands = known.get(place.partition, 0)
            if stands > ends[place]:
                log.warning("%s[%d] ends at %d, and we knew it to %d: the broker lost it", *place, ends[place], stands)
                stands = 0
            self._next[place.partition] = stands
            consumer.seek(place, stands)

    async def _follow(self, consumer: Any) -> None:
        while True:
            batches = await consumer.getmany(timeout_ms=500, max_records=_AT_ONCE)
            records = [_record(message) for batch in batches.values() for message in batch]
            positions = {place.partition: await consumer.position(place) for place in self._places}
            if positions != self._next:
                await asyncio.to_thread(self._view.take, records, positions)
                self._next.update(positions)
                await self._note_well()
            elif monotonic() >= self._check_at or self.error is not None:
                await asyncio.to_thread(self._view.check)
                await self._note_well()
            await asyncio.sleep(self._gather_s)

    async def _note_well(self) -> None:
        self.error = None
        self._check_at = monotonic() + _CHECK_EVERY_S
        await self._tell()

    async def _tell(self) -> None:
        async with self._moved:
            self._moved.notify_all()


def _record(message: Any) -> Record:
    headers = as_headers(message.headers)
    return Record(message.topic, message.partition, message.offset, message.key, message.value, headers)
