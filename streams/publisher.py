"""Publishing that returns when the broker has the record, straight on aiokafka: Faust's own way costs twice as much."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer

from streams.envelope import Message
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
        sent = [await self._send(message) for message in messages]
        await asyncio.gather(*sent)

    async def append(self, topic: str, partition: int, items: Mapping[bytes, bytes]) -> int:
        """Write records to one partition. Returns the offset of the last."""
        sent = [await self._producer.send(topic, value, key=key, partition=partition) for key, value in items.items()]
        written = await asyncio.gather(*sent)
        last: int = written[-1].offset
        return last

    async def _send(self, message: Message) -> Any:
        return await self._producer.send(message.topic, message.value, key=message.key, headers=message.headers)
