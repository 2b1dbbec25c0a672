"""The aiokafka consumers, producers and records that every part of the program uses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from infra.kafka_connection import KafkaConnection
from schemas.faults import Retryable
from streams.envelope import Record, Unreadable, as_headers
from streams.kafka_errors import describe
from streams.patches.aiokafka_records import TolerantConsumer
from streams.topics import MAX_MESSAGE_BYTES


def make_consumer(kafka: KafkaConnection, **options: Any) -> AIOKafkaConsumer:
    """Return a consumer without a group, which commits nothing and passes over records of aborted transactions.

    A record larger than its fetch size is still read; for records that cannot be read it returns one that says so.
    """
    fixed: dict[str, Any] = {"group_id": None, "enable_auto_commit": False, "isolation_level": "read_committed"}
    return TolerantConsumer(**kafka.client_options(), **fixed, **options)


def make_producer(kafka: KafkaConnection) -> AIOKafkaProducer:
    """Return a producer that writes each record once, in order, to all in-sync replicas."""
    return AIOKafkaProducer(
        **kafka.client_options(), acks="all", enable_idempotence=True, max_request_size=MAX_MESSAGE_BYTES
    )


async def start_producer(producer: AIOKafkaProducer) -> None:
    """Connect a producer; one that cannot be is stopped. Raises aiokafka's errors if no broker responds."""
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise


@lru_cache(maxsize=4096)  # a song's key is used many times, and murmur2 in Python is slow
def partition_of_key(key: bytes, count: int) -> int:
    """Return the partition, of `count`, that Kafka's default partitioner chooses for a key."""
    partition: int = (murmur2(key) & 0x7FFFFFFF) % count
    return partition


@asynccontextmanager
async def admin_of(kafka: KafkaConnection) -> AsyncIterator[AIOKafkaAdminClient]:
    """Yield a client for topics, configurations and groups. Raises aiokafka's errors if no broker responds."""
    admin = AIOKafkaAdminClient(**kafka.client_options(), client_id="bachata-admin")
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def partitions_of(client: AIOKafkaClient, topics: Collection[str]) -> list[TopicPartition]:
    """Return all partitions that the topics have at this moment. Raises: `Retryable` if one does not exist.

    The client learns the leaders of all of them at once: aiokafka waits 0.1 s for each topic that is new to it.
    """
    cluster = await client.fetch_all_metadata()
    found = {topic: sorted(cluster.partitions_for_topic(topic) or ()) for topic in topics}
    if missing := [topic for topic, numbers in found.items() if not numbers]:
        raise Retryable(f"topic {missing[0]} does not exist: start a worker, which creates it", reason="kafka")
    for topic in topics:
        client.add_topic(topic)
    return [TopicPartition(topic, number) for topic, numbers in found.items() for number in numbers]


def record_of(message: Any) -> Record:
    """Return a message of aiokafka or Faust as a record."""
    headers = message.headers
    unreadable = headers if isinstance(headers, Unreadable) else None
    place = (message.topic, message.partition, message.offset)
    contents = (message.key, message.value, as_headers(headers))
    return Record(*place, *contents, unreadable, _timestamp_ms(message.timestamp))


def _timestamp_ms(timestamp: float | None) -> int:
    """Return aiokafka's timestamp, an `int` of milliseconds, or Faust's, a `float` of seconds, in milliseconds."""
    if timestamp is None:
        return -1
    return round(timestamp * 1000) if isinstance(timestamp, float) else timestamp


@contextmanager
def kafka_faults(kafka: KafkaConnection) -> Iterator[None]:
    """Raise the client's errors as faults: `Retryable` (`kafka`)."""
    try:
        yield
    except KafkaError as error:
        raise Retryable(f"Kafka at {kafka} fails: {describe(error)}", reason="kafka") from error
