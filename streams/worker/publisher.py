"""Publishing with aiokafka that returns when the broker has acknowledged: Faust's publishing costs twice as much.

Records are sent in batches built here. Sent one by one, each costs three times as much and has its own future, and a
worker writes about twelve for an event that passes four steps.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from infra.kafka_connection import KafkaConnection
from schemas.faults import Poison
from streams.envelope import Message
from streams.kafka import partition_of_key, partitions_of, start_producer
from streams.kafka_errors import permanent_fault
from streams.topics import MAX_DEAD_LETTER_BYTES

_Partition = tuple[str, int]  # a topic and the number of a partition
# The largest batch that is sent: a dead letter. The broker ends the connection for a request of more than 100 MiB, and
# the record would be sent again without end.
_MAX_BATCH_BYTES = MAX_DEAD_LETTER_BYTES


class _Sent(NamedTuple):
    """A sent batch: its topic, the future of the broker's acknowledgement, and the number of records."""

    topic: str
    future: asyncio.Future[Any]
    records: int


class KafkaPublisher:
    """The one producer of a worker. It writes in order within a partition, also across outages of the broker."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self._kafka = kafka
        self._producer: Any = None
        self._restarting = asyncio.Lock()

    async def start(self) -> None:
        """Connect. Raises aiokafka's errors if no broker responds."""
        producer = AIOKafkaProducer(
            **self._kafka.client_options(),
            acks="all",
            linger_ms=5,
            max_batch_size=128 * 1024,
        )
        await start_producer(producer)
        self._producer = producer

    async def stop(self) -> None:
        """Send what is buffered and disconnect."""
        if self._producer is not None:
            await self._producer.stop()

    async def partitions(self, topics: Collection[str]) -> list[TopicPartition]:
        """Return all partitions that the topics have at this moment."""
        return await partitions_of(self._producer.client, topics)

    async def metadata(self) -> Any:
        """Return the cluster's metadata. Raises aiokafka's errors if no broker responds."""
        return await self._producer.client.fetch_all_metadata()

    async def publish(self, *messages: Message) -> None:
        """Send messages and wait for the acknowledgement of all in-sync replicas.

        Raises: `Poison` if one can never be sent, before any is sent where the client detects it; aiokafka's errors if
        sending them again may succeed.
        """
        by_partition: dict[_Partition, list[Message]] = {}
        for message in messages:
            partitions = await self._producer.partitions_for(message.topic)
            by_partition.setdefault((message.topic, _partition(message, len(partitions))), []).append(message)
        await self._send({tp: self._batches(tp[0], batch) for tp, batch in by_partition.items()})

    async def append(self, topic: str, partition: int, items: Mapping[bytes, bytes]) -> tuple[int, int]:
        """Write records to one partition and return the offsets of the first and the last. Raises: as `publish`."""
        messages = [Message(topic, key, value, []) for key, value in items.items()]
        sent = await self._send({(topic, partition): self._batches(topic, messages)})
        first: int = sent[0].future.result().offset
        last: int = sent[-1].future.result().offset + sent[-1].records - 1
        return first, last

    async def _send(self, batches: Mapping[_Partition, Sequence[BatchBuilder]]) -> list[_Sent]:
        sent: list[_Sent] = []
        try:
            for (topic, partition), of_partition in batches.items():
                for batch in of_partition:
                    future = await self._producer.send_batch(batch, topic, partition=partition)
                    sent.append(_Sent(topic, future, batch.record_count()))
        except BaseException:
            _ignore(sent)
            await self._restart_if_broken()
            raise
        await _wait_for_all(sent)
        return sent

    def _batches(self, topic: str, messages: Iterable[Message]) -> list[BatchBuilder]:
        batches = [self._producer.create_batch()]
        try:
            for _, key, value, headers, _ in messages:
                if batches[-1].append(timestamp=None, key=key, value=value, headers=headers) is None:  # it is full
                    batches.append(self._producer.create_batch())
                    batches[-1].append(timestamp=None, key=key, value=value, headers=headers)
        except Exception as error:
            raise permanent_fault(error, topic) or error from error
        if max(batch.size() for batch in batches) > _MAX_BATCH_BYTES:
            raise Poison(f"the record is larger than {_MAX_BATCH_BYTES} bytes", reason="too_large")
        return batches

    async def _restart_if_broken(self) -> None:
        """Replace the producer where its background task has ended: after an unexpected error it sends nothing more."""
        async with self._restarting:
            task = self._producer._sender.sender_task
            if task is not None and task.done():
                broken = self._producer
                await self.start()
                await asyncio.gather(broken.stop(), return_exceptions=True)


async def _wait_for_all(sent: Sequence[_Sent]) -> None:
    # One after the other: they complete together, and `gather` would add a callback to each, which costs more.
    faults: list[Poison] = []
    try:
        for topic, future, _ in sent:
            try:
                await future
            except KafkaError as error:
                fault = permanent_fault(error, topic)
                if fault is None:
                    raise
                faults.append(fault)
    except BaseException:
        _ignore(sent)
        raise
    if faults:
        raise faults[0]


def _ignore(sent: Sequence[_Sent]) -> None:
    for _, future, _ in sent:
        # An exception that is not retrieved would be logged.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())


def _partition(message: Message, count: int) -> int:
    """Return a message's partition: its own, else that of Kafka's default partitioner, random without a key."""
    if message.partition is not None and message.partition < count:
        return message.partition
    key = message.key
    return random.randrange(count) if key is None else partition_of_key(key, count)  # noqa: S311 - not a secret
