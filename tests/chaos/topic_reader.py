"""What stands on the topics: read to their ends for a verdict, or watched while it comes. No group, no effect."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aiokafka import TopicPartition

from schemas.base import Model
from streams.envelope import Record, as_headers
from streams.kafka import make_consumer
from streams.topics import MAX_LETTER_BYTES, PARTITIONS, PROGRESS, REQUEST_ENDED, topic_of

PROGRESS_AND_OUTCOMES = (PROGRESS.full_name, REQUEST_ENDED.full_name)


@dataclass(frozen=True)
class Seen(Record):
    """A record that was read. `at` is its timestamp, seconds since the epoch."""

    at: float = 0.0

    @cached_property
    def request_id(self) -> str:
        """The request it belongs to; empty where it does not say."""
        return self.header("ce_correlationid") or ""

    @cached_property
    def said(self) -> dict[str, Any]:
        """Its value as JSON."""
        found: dict[str, Any] = json.loads(self.value or b"{}")
        return found


async def read_all(bootstrap: str, topic: str) -> list[Seen]:
    """All records of a topic from its beginning to its end, each partition in order."""
    found: list[Seen] = []
    async with _consumer(bootstrap, [topic]) as consumer:
        places = list(consumer.assignment())
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            batches = await consumer.getmany(timeout_ms=500, max_records=5000)
            found += [_seen(message) for batch in batches.values() for message in batch]
    return found


def name_of(payload: type[Model]) -> str:
    """The name of the topic a payload travels on."""
    return topic_of(payload).full_name


class Watch:
    """Records as they come. `seen` has all of them."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._came = asyncio.Condition()

    async def next(self, wanted: Callable[[Seen], bool], within_s: float) -> Seen | None:
        """The first record from now on that is wanted, or None where none comes in time."""
        start = len(self.seen)

        def found() -> Seen | None:
            return next((seen for seen in self.seen[start:] if wanted(seen)), None)

        try:
            async with asyncio.timeout(within_s), self._came:
                return await self._came.wait_for(found)
        except TimeoutError:
            return None

    async def until(self, condition: Callable[[], bool], quiet_s: float) -> bool:
        """Wait for a condition; False where nothing new comes for `quiet_s`."""
        while not condition():
            if await self.next(lambda _: True, quiet_s) is None:
                return condition()
        return True

    async def take(self, batch: Sequence[Seen]) -> None:
        """Take in what came."""
        self.seen += batch
        async with self._came:
            self._came.notify_all()


class Outcomes(Watch):
    """Progress and outcomes as they come. `ended` are those of the given requests that have an outcome."""

    def __init__(self, request_ids: Iterable[str]) -> None:
        super().__init__()
        self.ended: set[str] = set()
        self._wanted = frozenset(request_ids)

    def all_ended(self) -> bool:
        """Whether every request has its outcome."""
        return len(self.ended) == len(self._wanted)

    async def take(self, batch: Sequence[Seen]) -> None:
        """Take in what came."""
        self.ended |= self._wanted & {seen.request_id for seen in batch if seen.topic == REQUEST_ENDED.full_name}
        await super().take(batch)


@asynccontextmanager
async def watching(bootstrap: str, topics: Sequence[str], watch: Watch) -> AsyncIterator[None]:
    """Feed `watch` with all that comes to `topics`, from their beginning, while the context lasts."""
    async with _consumer(bootstrap, topics) as consumer:
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
        batch = [_seen(message) for batch in batches.values() for message in batch]
        if batch:
            await watch.take(batch)


@asynccontextmanager
async def _consumer(bootstrap: str, topics: Sequence[str]) -> AsyncIterator[Any]:
    consumer = make_consumer(bootstrap, max_partition_fetch_bytes=MAX_LETTER_BYTES)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)])
        yield consumer
    finally:
        await consumer.stop()


def _seen(message: Any) -> Seen:
    headers = as_headers(message.headers)
    place = (message.topic, message.partition, message.offset)
    return Seen(*place, message.key, message.value, headers, message.timestamp / 1000)
