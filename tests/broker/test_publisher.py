"""Publishing in batches, on a real Kafka: order, offsets, several batches concurrently, each key in its partition."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner

from infra.kafka_connection import KafkaConnection
from streams.envelope import Message
from streams.topics import PARTITIONS, TopicSpec
from streams.worker.create_topics import ensure_topics
from streams.worker.publisher import KafkaPublisher
from tests.broker.conftest import DataFolder

pytestmark = pytest.mark.broker
_TOPIC = "publisher"
_RECORDS = 1200
_VALUE = b"x" * 400  # all of them fill several batches of 128 KB in each partition
_HEADERS = [("ce_id", b"1"), ("ce_source", b"/a")]
_ReadRecord = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]  # key, value, headers


async def _read(kafka: KafkaConnection) -> list[list[_ReadRecord]]:
    consumer = AIOKafkaConsumer(**kafka.client_options(), auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(_TOPIC, number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(partitions)
        found: defaultdict[TopicPartition, list[_ReadRecord]] = defaultdict(list)
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            for tp, batch in (await consumer.getmany(timeout_ms=500)).items():
                found[tp] += [(message.key, message.value, list(message.headers)) for message in batch]
        return [found[tp] for tp in partitions]
    finally:
        await consumer.stop()


async def _write_and_read(kafka: KafkaConnection) -> None:
    await ensure_topics(kafka, [TopicSpec(_TOPIC, PARTITIONS, {})])
    publisher = KafkaPublisher(kafka)
    await publisher.start()
    try:
        keys = [b"key-%d" % (number % 7) for number in range(_RECORDS)]
        messages = [Message(_TOPIC, key, b"%d:" % number + _VALUE, _HEADERS) for number, key in enumerate(keys)]
        await asyncio.gather(publisher.publish(*messages[: _RECORDS // 2]), publisher.publish())
        await publisher.publish(*messages[_RECORDS // 2 :], Message(_TOPIC, b"key-0", None, []))
        before = await _read(kafka)
        first, last = await publisher.append(_TOPIC, 2, {b"a-%d" % number: _VALUE for number in range(_RECORDS)})
        after = await _read(kafka)
        await publisher.publish(*[Message(_TOPIC, b"key", b"chosen", [], number) for number in range(PARTITIONS)])
        chosen = await _read(kafka)
    finally:
        await publisher.stop()
    choose = DefaultPartitioner()
    for number, records in enumerate(before):
        sent = [message for message in messages if choose(message.key, list(range(PARTITIONS)), []) == number]
        written = [(message.key, message.value, _HEADERS) for message in sent]
        assert [record for record in records if record[1] is not None] == written
    assert (b"key-0", None, []) in [record for records in before for record in records]
    assert (first, last) == (len(before[2]), len(after[2]) - 1)
    assert [records[-1] for records in chosen] == [(b"key", b"chosen", [])] * PARTITIONS
    assert [key for key, _, _ in after[2][len(before[2]) :]] == [b"a-%d" % number for number in range(_RECORDS)]


def test_records_arrive_in_order_in_the_partition_of_their_key(data_folder: DataFolder) -> None:
    asyncio.run(_write_and_read(data_folder.kafka))
