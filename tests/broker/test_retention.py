"""Records between steps are deleted when they are old and processed, on a real Kafka."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from infra.kafka_connection import KafkaConnection
from schemas.song_accepted import SongAccepted
from streams.kafka import make_consumer, make_producer
from streams.log_position import Position
from streams.topics import DAY_MS, Topic, TopicSpec
from streams.worker.create_topics import ensure_topics
from streams.worker.retention import delete_processed
from tests.broker.conftest import DataFolder

pytestmark = pytest.mark.broker

_GROUP = "retention"
_NOW = 1_700_000_000_000
_BETWEEN = Topic("retention-between", SongAccepted, retention_days=7, between_steps=True)
_ELSEWHERE = Topic("retention-elsewhere", SongAccepted, retention_days=7)
_CONFIG = {
    "message.timestamp.type": "CreateTime",
    "retention.ms": "-1",
    "message.timestamp.before.max.ms": str(1 << 62),
}


async def _write(kafka: KafkaConnection) -> None:
    """Write a record for each of the last 20 days to two partitions and to another topic."""
    await ensure_topics(kafka, [TopicSpec(topic.full_name, 2, _CONFIG, ()) for topic in (_BETWEEN, _ELSEWHERE)])
    producer = make_producer(kafka)
    await producer.start()
    for age in range(19, -1, -1):
        for topic, partition in ((_BETWEEN, 0), (_BETWEEN, 1), (_ELSEWHERE, 0)):
            await producer.send_and_wait(
                topic.full_name, b"%d" % age, partition=partition, timestamp_ms=_NOW - age * DAY_MS
            )
    await producer.stop()


async def _commit(kafka: KafkaConnection, tp: TopicPartition, count: int) -> None:
    """Commit that the first records of a partition are processed."""
    reader = make_consumer(kafka, auto_offset_reset="earliest")
    group = AIOKafkaConsumer(**kafka.client_options(), group_id=_GROUP, enable_auto_commit=False)
    await asyncio.gather(reader.start(), group.start())
    reader.assign([tp])
    position = Position(0)
    while position.offset < count:
        position = position.after(await reader.getone())
    group.assign([tp])
    await group.commit({tp: OffsetAndMetadata(position.offset, position.marks_text)})
    await asyncio.gather(reader.stop(), group.stop())


async def _start(kafka: KafkaConnection, tp: TopicPartition) -> int:
    consumer = make_consumer(kafka)
    await consumer.start()
    try:
        return int((await consumer.beginning_offsets([tp]))[tp])
    finally:
        await consumer.stop()


async def test_only_records_that_are_processed_and_old_are_deleted(data_folder: DataFolder) -> None:
    kafka = data_folder.kafka
    away, busy, elsewhere = (
        TopicPartition(_BETWEEN.full_name, 0),
        TopicPartition(_BETWEEN.full_name, 1),
        TopicPartition(_ELSEWHERE.full_name, 0),
    )
    await _write(kafka)
    topics = [_BETWEEN, _ELSEWHERE]
    for tp, processed in ((away, 3), (busy, 20), (elsewhere, 20)):
        await _commit(kafka, tp, processed)
    assert await delete_processed(kafka, topics, _GROUP) == {away: 3, busy: 12}
    assert [await _start(kafka, tp) for tp in (away, busy, elsewhere)] == [3, 12, 0]
    assert await delete_processed(kafka, topics, _GROUP) == {}
