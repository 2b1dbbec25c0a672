"""Publishing that returns when the broker has the records, straight on aiokafka: Faust's own way costs twice as much.

Records are sent in batches made here. Sent one by one, each costs three times as much and has a future of its own, and
a worker writes a dozen for an event that passes four steps.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.envelope import Message


class _Sent(NamedTuple):
    """A batch on its way: what tells when the broker has it, and how many records it has."""

    future: asyncio.Future[Any]
    records: int


class KafkaPublisher:
    """One producer for everything a worker writes. In order within a partition, however often the broker is away."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: Any = None

    async def start(self) -> None:
        """Connect. Raises aiokafka's errors where no broker answers."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            linger_ms=5,
            max_batch_size=128 * 1024,
        )
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is left and disconnect."""
        if self._producer is not None:
            await self._producer.stop()

    async def publish(self, *messages: Message) -> None:
        """Send and wait for all in-sync replicas."""
        by_place: dict[tuple[str, int], list[Message]] = {}
        for message in messages:
            partitions = await self._producer.partitions_for(message.topic)
            by_place.setdefault((message.topic, _partition(message.key, len(partitions))), []).append(message)
        await _all([sent for place, there in by_place.items() for sent in await self._send(*place, there)])

    async def append(self, topic: str, partition: int, items: Mapping[bytes, bytes]) -> int:
        """Write records to one partition. Returns the offset of the last."""
        sent = await self._send(topic, partition, [Message(topic, key, value, []) for key, value in items.items()])
        await _all(sent)
        first: int = sent[-1].future.result().offset
        return first + sent[-1].records - 1

    async def _send(self, topic: str, partition: int, messages: Iterable[Message]) -> list[_Sent]:
        try:
            return [
                _Sent(await self._producer.send_batch(batch, topic, partition=partition), batch.record_count())
                for batch in self._batches(messages)
            ]
        except ProducerClosed:  # aiokafka gives one up for good where it meets what it does not expect
            await self.start()
            raise

    def _batches(self, messages: Iterable[Message]) -> list[BatchBuilder]:
        batches = [self._producer.create_batch()]
        for _, key, value, headers in messages:
            if batches[-1].append(timestamp=None, key=key, value=value, headers=headers) is None:  # it is full
                batches.append(self._producer.create_batch())
                batches[-1].append(timestamp=None, key=key, value=value, headers=headers)
        return batches


async def _all(sent: Sequence[_Sent]) -> None:
    """One after the other: they come back together, and a callback on each would cost more than they do."""
    try:
        for future, _ in sent:
            await future
    except BaseException:
        for future, _ in sent:
            future.add_done_callback(lambda done: done.cancelled() or done.exception())  # it has been heard
        raise


def _partition(key: bytes | None, count: int) -> int:
    """Kafka's own choice; a song's key comes back again and again, and murmur2 in Python is slow."""
    return random.randrange(count) if key is None else _slot(key, count)  # noqa: S311 - no secret


@lru_cache(maxsize=4096)
def _slot(key: bytes, count: int) -> int:
    slot: int = (murmur2(key) & 0x7FFFFFFF) % count
    return slot
