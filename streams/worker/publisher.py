"""Publishing that returns when the broker has the record, straight on aiokafka: Faust's own way costs twice as much."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed
from aiokafka.partitioner import murmur2

from streams.envelope import Headers, Message
from streams.topics import MAX_LETTER_BYTES


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
            partitioner=_partition,
            max_batch_size=128 * 1024,
            max_request_size=MAX_LETTER_BYTES,
        )
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is left and disconnect."""
        if self._producer is not None:
            await self._producer.stop()

    async def publish(self, *messages: Message) -> None:
        """Send and wait for all in-sync replicas."""
        await _all([await self._send(*message) for message in messages])

    async def append(self, topic: str, partition: int, items: Mapping[bytes, bytes]) -> int:
        """Write records to one partition. Returns the offset of the last."""
        sent = [await self._send(topic, key, value, partition=partition) for key, value in items.items()]
        await _all(sent)
        last: int = sent[-1].result().offset
        return last

    async def _send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None = None,
        partition: int | None = None,
    ) -> Any:
        try:
            return await self._producer.send(topic, value, key, partition, None, headers)
        except ProducerClosed:  # aiokafka gives one up for good where it meets what it does not expect
            await self.start()
            raise


async def _all(sent: Sequence[asyncio.Future[Any]]) -> None:
    """One after the other: they come back together, and a callback on each would cost more than they do."""
    try:
        for future in sent:
            await future
    except BaseException:
        for future in sent:
            future.add_done_callback(lambda done: done.cancelled() or done.exception())  # it has been heard
        raise


def _partition(key: bytes | None, everywhere: Sequence[int], available: Sequence[int]) -> int:
    """Kafka's own choice; a song's key comes back again and again, and murmur2 in Python is slow."""
    return random.choice(available or everywhere) if key is None else everywhere[_slot(key, len(everywhere))]  # noqa: S311 - no secret


@lru_cache(maxsize=4096)
def _slot(key: bytes, count: int) -> int:
    slot: int = (murmur2(key) & 0x7FFFFFFF) % count
    return slot
