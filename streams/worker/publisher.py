"""Publishing with aiokafka that returns when the broker has acknowledged: Faust's publishing costs twice as much.

Records are sent in batches built here. Sent one by one, each costs three times as much and has its own future, and a
worker writes about twelve for an event that passes four steps.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import ProducerClosed
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder

from infra.kafka_connection import KafkaConnection
from streams.envelope import Message
from streams.kafka import partitions_of


class _Sent(NamedTuple):
    """A sent batch: the future of the broker's acknowledgement, and the number of records."""

    future: asyncio.Future[Any]
    records: int


class KafkaPublisher:
    """The one producer of a worker. It writes in order within a partition, also across outages of the broker."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self._kafka = kafka
        self._producer: Any = None

    async def start(self) -> None:
        """Connect. Raises aiokafka's errors if no broker responds."""
        self._producer = AIOKafkaProducer(
            **self._kafka.client_options(),
            acks="all",
            linger_ms=5,
            max_batch_size=128 * 1024,
        )
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is buffered and disconnect."""
        if self._producer is not None:
            await self._producer.stop()

    async def partitions(self, topics: Collection[str]) -> list[TopicPartition]:
        """Return all partitions that the topics have at this moment."""
        return await partitions_of(self._producer.client, topics)

    async def publish(self, *messages: Message) -> None:
        """Send messages and wait for the acknowledgement of all in-sync replicas."""
        by_partition: dict[tuple[str, int], list[Message]] = {}
        for message in messages:
            partitions = await self._producer.partitions_for(message.topic)
            by_partition.setdefault((message.topic, _partition(message.key, len(partitions))), []).append(message)
        await _wait_for_all([sent for tp, batch in by_partition.items() for sent in await self._send(*tp, batch)])

    async def append(self, topic: str, partition: int, items: Mapping[bytes, bytes]) -> int:
        """Write records to one partition and return the offset of the last."""
        sent = await self._send(topic, partition, [Message(topic, key, value, []) for key, value in items.items()])
        await _wait_for_all(sent)
        first: int = sent[-1].future.result().offset
        return first + sent[-1].records - 1

    async def _send(self, topic: str, partition: int, messages: Iterable[Message]) -> list[_Sent]:
        try:
            return [
                _Sent(await self._producer.send_batch(batch, topic, partition=partition), batch.record_count())
                for batch in self._batches(messages)
            ]
        except ProducerClosed:  # after an unexpected error aiokafka's producer cannot be used again
            await self.start()
            raise

    def _batches(self, messages: Iterable[Message]) -> list[BatchBuilder]:
        batches = [self._producer.create_batch()]
        for _, key, value, headers in messages:
            if batches[-1].append(timestamp=None, key=key, value=value, headers=headers) is None:  # the batch is full
                batches.append(self._producer.create_batch())
                batches[-1].append(timestamp=None, key=key, value=value, headers=headers)
        return batches


async def _wait_for_all(sent: Sequence[_Sent]) -> None:
    # One after the other: they complete together, and `gather` would add a callback to each, which costs more.
    try:
        for future, _ in sent:
            await future
    except BaseException:
        for future, _ in sent:
            # An exception that is not retrieved would be logged.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
        raise


def _partition(key: bytes | None, count: int) -> int:
    """Return the partition that Kafka's default partitioner chooses for the key, random without a key."""
    return random.randrange(count) if key is None else _partition_of_key(key, count)  # noqa: S311 - not a secret


@lru_cache(maxsize=4096)  # a song's key is used many times, and murmur2 in Python is slow
def _partition_of_key(key: bytes, count: int) -> int:
    partition: int = (murmur2(key) & 0x7FFFFFFF) % count
    return partition
