"""The topics of a Kafka, as the client uses them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import TopicPartition

from infra.kafka_connection import KafkaConnection
from schemas.faults import Poison
from streams.envelope import Message, Record
from streams.kafka import kafka_faults, make_consumer, make_producer, partitions_of, record_of, start_producer
from streams.log_position import ConnectionWatch, Position, checked_positions, end_positions
from streams.sending import send_in_order
from streams.topics import MAX_MESSAGE_BYTES


class KafkaLog:
    """Implements `EventLog`."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self._kafka = kafka
        self._producer: Any = None
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Connect the producer."""
        producer = make_producer(self._kafka)
        with kafka_faults(self._kafka):
            await start_producer(producer)
        self._producer = producer

    async def stop(self) -> None:
        """Write what is being written, and disconnect."""
        if self._producer is not None:
            await self._producer.stop()

    async def publish(self, messages: Sequence[Message]) -> list[Poison | None]:
        """Write messages in order. Raises: `Retryable` (`kafka`)."""
        with kafka_faults(self._kafka):
            return await send_in_order(self._producer, messages, turn=self._turn)

    @asynccontextmanager
    async def reader(self, topics: Collection[str]) -> AsyncIterator[KafkaReader]:
        """Yield a reader with its own consumer."""
        consumer = make_consumer(self._kafka, auto_offset_reset="earliest", max_partition_fetch_bytes=MAX_MESSAGE_BYTES)
        starting = asyncio.create_task(consumer.start())
        try:
            with kafka_faults(self._kafka):
                await asyncio.shield(starting)
                yield KafkaReader(consumer, topics)
        finally:
            # It is not cancelled: aiokafka does not close a connection whose login is.
            await asyncio.gather(starting, return_exceptions=True)
            await consumer.stop()


class KafkaReader:
    """Implements `EventReader`. Raises aiokafka's errors."""

    def __init__(self, consumer: Any, topics: Collection[str]) -> None:
        self._consumer = consumer
        self._topics = topics
        self._connections = ConnectionWatch()

    async def partitions(self) -> list[TopicPartition]:
        """Return all partitions."""
        return await partitions_of(self._consumer._client, self._topics)

    async def bounds(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """Return the first offset and the one after the last, by partition."""
        starts = await self._consumer.beginning_offsets(list(partitions))
        ends = await self._consumer.end_offsets(list(partitions))
        return {tp: (starts[tp], ends[tp]) for tp in partitions}

    async def offset_at(self, partition: TopicPartition, timestamp_ms: int) -> int | None:
        """Return the offset of the first record from a time on."""
        found = (await self._consumer.offsets_for_times({partition: timestamp_ms}))[partition]
        return None if found is None else int(found.offset)

    async def end_positions(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Position]:
        """Return the positions after the last records."""
        return await end_positions(self._consumer, partitions)

    async def checked(self, positions: Mapping[TopicPartition, Position]) -> dict[TopicPartition, Position]:
        """Return from where to read on."""
        return await checked_positions(self._consumer, positions)

    def may_have_changed(self) -> bool:
        """Return whether the consumer has connected again."""
        return self._connections.changed(self._consumer._client)

    def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Read these partitions."""
        self._consumer.assign(list(offsets))
        for tp, offset in offsets.items():
            self._consumer.seek(tp, offset)

    async def position(self, partition: TopicPartition) -> int:
        """Return the offset that is read next."""
        return int(await self._consumer.position(partition))

    async def read(self, timeout_s: float) -> list[Record]:
        """Return the next records."""
        batches = await self._consumer.getmany(timeout_ms=max(1, int(1000 * timeout_s)))
        return [record_of(message) for batch in batches.values() for message in batch]
