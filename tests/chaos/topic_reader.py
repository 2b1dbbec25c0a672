"""Read topics to their end, or follow them, without a consumer group and without effects."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infra.kafka_connection import KafkaConnection
from schemas.base import Model
from streams.envelope import Record, as_headers
from streams.kafka import make_consumer, partitions_of
from streams.topics import MAX_DEAD_LETTER_BYTES, PROGRESS, REQUEST_ENDED, topic_of

PROGRESS_AND_OUTCOMES = (PROGRESS.full_name, REQUEST_ENDED.full_name)


@dataclass(frozen=True)
class TopicRecord(Record):
    """A record read from a topic. `at` is its timestamp, seconds since the epoch."""

    at: float = 0.0

    @cached_property
    def request_id(self) -> str:
        """Return the request it belongs to; empty without the header."""
        return self.header("ce_correlationid") or ""

    @cached_property
    def payload(self) -> dict[str, Any]:
        """Return its value as JSON."""
        found: dict[str, Any] = json.loads(self.value or b"{}")
        return found


async def read_all(kafka: KafkaConnection, topic: str) -> list[TopicRecord]:
    """Return all records of a topic from its beginning to its end, each partition in order."""
    found: list[TopicRecord] = []
    async with _consumer(kafka, [topic]) as consumer:
        partitions = list(consumer.assignment())
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            batches = await consumer.getmany(timeout_ms=500, max_records=5000)
            found += [_topic_record(message) for batch in batches.values() for message in batch]
    return found


def name_of(payload: type[Model]) -> str:
    """Return the name of a payload's topic."""
    return topic_of(payload).full_name


class Watch:
    """The records that have arrived so far, in `records`."""

    def __init__(self) -> None:
        self.records: list[TopicRecord] = []
        self._arrived = asyncio.Condition()

    async def next(self, wanted: Callable[[TopicRecord], bool], within_s: float) -> TopicRecord | None:
        """Return the first new record for which `wanted` is true, or None after a timeout."""
        start = len(self.records)

        def found() -> TopicRecord | None:
            return next((record for record in self.records[start:] if wanted(record)), None)

        try:
            async with asyncio.timeout(within_s), self._arrived:
                return await self._arrived.wait_for(found)
        except TimeoutError:
            return None

    async def until(self, condition: Callable[[], bool], idle_timeout_s: float) -> bool:
        """Wait for a condition; return False when no new record arrives for `idle_timeout_s`."""
        while not condition():
            if await self.next(lambda _: True, idle_timeout_s) is None:
                return condition()
        return True

    async def append(self, batch: Sequence[TopicRecord]) -> None:
        """Add new records."""
        self.records += batch
        async with self._arrived:
            self._arrived.notify_all()


class Outcomes(Watch):
    """Progress and outcomes so far. `ended` are the given requests that have an outcome."""

    def __init__(self, request_ids: Iterable[str]) -> None:
        super().__init__()
        self.ended: set[str] = set()
        self._wanted = frozenset(request_ids)

    def all_ended(self) -> bool:
        """Return whether every request has its outcome."""
        return len(self.ended) == len(self._wanted)

    async def append(self, batch: Sequence[TopicRecord]) -> None:
        """Add new records."""
        self.ended |= self._wanted & {record.request_id for record in batch if record.topic == REQUEST_ENDED.full_name}
        await super().append(batch)


@asynccontextmanager
async def watching(kafka: KafkaConnection, topics: Sequence[str], watch: Watch) -> AsyncIterator[None]:
    """Append all records of `topics`, from their beginning, to `watch` while the context lasts."""
    async with _consumer(kafka, topics) as consumer:
        await consumer.seek_to_beginning()
        task = asyncio.create_task(_follow(consumer, watch))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _follow(consumer: Any, watch: Watch) -> None:
    while True:
        batches = await consumer.getmany(timeout_ms=100, max_records=5000)
        batch = [_topic_record(message) for batch in batches.values() for message in batch]
        if batch:
            await watch.append(batch)


@asynccontextmanager
async def _consumer(kafka: KafkaConnection, topics: Sequence[str]) -> AsyncIterator[Any]:
    consumer = make_consumer(kafka, max_partition_fetch_bytes=MAX_DEAD_LETTER_BYTES)
    await consumer.start()
    try:
        consumer.assign(await partitions_of(consumer._client, topics))
        yield consumer
    finally:
        await consumer.stop()


def _topic_record(message: Any) -> TopicRecord:
    headers = as_headers(message.headers)
    partition = (message.topic, message.partition, message.offset)
    return TopicRecord(*partition, message.key, message.value, headers, at=message.timestamp / 1000)
