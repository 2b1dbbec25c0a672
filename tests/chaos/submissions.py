"""Submit requests without losing any, even while the broker is down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from infra.kafka_connection import KafkaConnection
from schemas.base import Source
from schemas.move_submitted import MoveSubmitted
from schemas.song_submitted import SongSubmitted
from streams.envelope import Message, event_headers
from streams.ids import digest, event_id
from streams.topics import MAX_MESSAGE_BYTES, PARTITIONS, topic_of
from tests.chaos.cluster import Cluster
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Outcomes, watching
from tests.paths import DEMO

_RETRY_DELAY_S = 0.2
_MAX_IN_FLIGHT = 500
_INDEX_TIMEOUT_S = 300.0


class Sender:
    """Sends records, waits for the broker's acknowledgement, and retries without one."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer

    async def send(self, message: Message) -> None:
        """Return when the broker has acknowledged the record."""
        while True:
            try:
                await self._producer.send_and_wait(**message._asdict())
            except KafkaError:
                await asyncio.sleep(_RETRY_DELAY_S)
            else:
                return

    async def send_all(self, messages: Sequence[Message]) -> None:
        """Send many records, up to 500 at the same time."""
        for first in range(0, len(messages), _MAX_IN_FLIGHT):
            await asyncio.gather(*map(self.send, messages[first : first + _MAX_IN_FLIGHT]))


@asynccontextmanager
async def sending(kafka: KafkaConnection) -> AsyncIterator[Sender]:
    """Yield a sender while the context lasts."""
    producer = AIOKafkaProducer(
        **kafka.client_options(), enable_idempotence=True, linger_ms=2, max_request_size=MAX_MESSAGE_BYTES
    )
    await producer.start()
    try:
        yield Sender(producer)
    finally:
        await producer.stop()


def submission(request: SongSubmitted | MoveSubmitted, key: str) -> Message:
    """Return the record that submits a request."""
    topic, request_id = topic_of(type(request)), str(request.request_id)
    headers = event_headers(topic, "/chaos", event_id("submitted", request_id), request_id)
    return Message(topic.full_name, key.encode(), request.model_dump_json().encode(), headers)


def cheap_request(number: int) -> SongSubmitted:
    """Return a request that costs the counting worker nothing: its own sha256, without a file."""
    return SongSubmitted(source=Source(sha256=digest("trifle", str(number)) * 2), request_id=f"cheap-{number:06d}")


def cheap_message(number: int) -> Message:
    """Return the record that submits a cheap request; all events of the request have the same partition number."""
    request = cheap_request(number)
    return submission(request, str(request.source.sha256))


def partition_of(key: str) -> int:
    """Return the partition that Kafka's clients choose for a key."""
    numbers = list(range(PARTITIONS))
    return int(DefaultPartitioner()(key.encode(), numbers, numbers))


class Flow:
    """A steady flow of records, `rate` per second, at most `max_count`. `sent` counts the records created."""

    def __init__(
        self, sender: Sender, rate: float, make: Callable[[int], Message] = cheap_message, max_count: int = 1_000_000
    ) -> None:
        self.sent = 0
        self._max_count = max_count
        self._sender = sender
        self._pause_s = 1 / rate
        self._make = make
        self._is_running = True
        self._tasks: set[asyncio.Task[None]] = set()
        self._finished = asyncio.Event()

    async def run(self) -> None:
        """Send until stopped; return when the broker has acknowledged all records."""
        due = time.monotonic()
        while self._is_running and self.sent < self._max_count:
            self._tasks.add(asyncio.create_task(self._sender.send(self._make(self.sent))))
            self.sent += 1
            due += self._pause_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._tasks = {task for task in self._tasks if not task.done()}
        await asyncio.gather(*self._tasks)
        self._finished.set()

    async def stop(self) -> None:
        """Stop sending, and return when the broker has acknowledged all records."""
        self._is_running = False
        await self._finished.wait()

    async def finish(self) -> None:
        """Return when all records have been sent and acknowledged."""
        await self._finished.wait()


@asynccontextmanager
async def flowing(flow: Flow) -> AsyncIterator[None]:
    """Run the flow while the context lasts, or until it is stopped."""
    task = asyncio.create_task(flow.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def index_demo_clips(cluster: Cluster, sender: Sender, count: int) -> None:
    """Submit the first demo clips and return when they are indexed."""
    clips = sorted((DEMO / "clips").glob("*.mp4"))[:count]
    requests = [
        MoveSubmitted(source=Source(path=str(clip)), clip=clip.stem, request_id=f"clip-{clip.stem}") for clip in clips
    ]
    watch = Outcomes(str(request.request_id) for request in requests)
    async with watching(cluster.kafka, PROGRESS_AND_OUTCOMES, watch):
        await sender.send_all([submission(request, request.clip) for request in requests])
        assert await watch.until(watch.all_ended, _INDEX_TIMEOUT_S), f"the library was not indexed: {cluster.logs}"
