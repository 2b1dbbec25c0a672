"""Sending requests so that none is lost on the way in, however often the broker is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from schemas.base import Source
from schemas.move_submitted import MoveSubmitted
from schemas.song_submitted import SongSubmitted
from streams.envelope import Message, event_headers
from streams.ids import digest, event_id
from streams.topics import MAX_MESSAGE_BYTES, PARTITIONS, topic_of

_AGAIN_AFTER_S = 0.2
_AT_ONCE = 500


class Sender:
    """Sends and waits for the broker's word, and sends again where there is none."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer

    async def send(self, message: Message) -> None:
        """Return when the broker has it."""
        while True:
            try:
                await self._producer.send_and_wait(**message._asdict())
            except KafkaError:
                await asyncio.sleep(_AGAIN_AFTER_S)
            else:
                return

    async def send_all(self, messages: Sequence[Message]) -> None:
        """Send many, some hundreds at once."""
        for first in range(0, len(messages), _AT_ONCE):
            await asyncio.gather(*map(self.send, messages[first : first + _AT_ONCE]))


@asynccontextmanager
async def sending(bootstrap: str) -> AsyncIterator[Sender]:
    """A sender while the context lasts."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, linger_ms=2, max_request_size=MAX_MESSAGE_BYTES
    )
    await producer.start()
    try:
        yield Sender(producer)
    finally:
        await producer.stop()


def submission(request: SongSubmitted | MoveSubmitted, key: str) -> Message:
    """The record that submits a request."""
    topic, request_id = topic_of(type(request)), str(request.request_id)
    headers = event_headers(topic, "/chaos", event_id("submitted", request_id), request_id)
    return Message(topic.full_name, key.encode(), request.model_dump_json().encode(), headers)


def trifle(number: int) -> SongSubmitted:
    """A request that costs the counting worker nothing: a sha256 of its own, and no such file anywhere."""
    return SongSubmitted(source=Source(sha256=digest("trifle", str(number)) * 2), request_id=f"trifle-{number:06d}")


def trifling(number: int) -> Message:
    """The record that submits a trifle; all its events stand in one partition's place, whatever the topic."""
    request = trifle(number)
    return submission(request, str(request.source.sha256))


def partition_of(key: str) -> int:
    """Where Kafka's clients put a key."""
    numbers = list(range(PARTITIONS))
    return int(DefaultPartitioner()(key.encode(), numbers, numbers))


class Flow:
    """A steady flow of records, `rate` a second, `most` of them at most. `sent` counts those that were made."""

    def __init__(
        self, sender: Sender, rate: float, make: Callable[[int], Message] = trifling, most: int = 1_000_000
    ) -> None:
        self.sent = 0
        self._most = most
        self._sender = sender
        self._pause_s = 1 / rate
        self._make = make
        self._going = True
        self._tasks: set[asyncio.Task[None]] = set()
        self._dry = asyncio.Event()

    async def run(self) -> None:
        """Send until told to stop; return when the broker has all of it."""
        due = time.monotonic()
        while self._going and self.sent < self._most:
            self._tasks.add(asyncio.create_task(self._sender.send(self._make(self.sent))))
            self.sent += 1
            due += self._pause_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._tasks = {task for task in self._tasks if not task.done()}
        await asyncio.gather(*self._tasks)
        self._dry.set()

    async def stop(self) -> None:
        """Send no more, and return when the broker has all of it."""
        self._going = False
        await self._dry.wait()

    async def dry(self) -> None:
        """Return when all there is has been sent and the broker has it."""
        await self._dry.wait()


@asynccontextmanager
async def flowing(flow: Flow) -> AsyncIterator[None]:
    """The flow runs while the context lasts, or until it is told to stop."""
    task = asyncio.create_task(flow.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
