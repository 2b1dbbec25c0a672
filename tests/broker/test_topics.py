"""Topics that exist with other partitions or another configuration are put right, on a real Kafka."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from infra.kafka_connection import KafkaConnection
from streams.kafka import admin_of, make_consumer, make_producer, partitions_of
from streams.topics import TopicSpec
from streams.worker.create_topics import ensure_topics
from streams.worker.partition_watch import partitions_added
from tests.broker.conftest import DataFolder

pytestmark = pytest.mark.broker

_CONFIG = {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1", "max.message.bytes": "9000"}
_OLD = {"retention.ms": "604800000", "max.message.bytes": "5000", "segment.ms": "70000"}


@pytest.fixture
def kafka(data_folder: DataFolder) -> KafkaConnection:
    return data_folder.kafka


async def _values(admin: Any, topic: str) -> dict[str, str]:
    [response] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {name: value for name, value, *_ in response.resources[0][4]}


async def test_topics_get_as_many_partitions_as_the_largest_and_the_promised_configuration(
    kafka: KafkaConnection,
) -> None:
    specs = [
        TopicSpec("kept", 4, _CONFIG),
        TopicSpec("enforced", 4, _CONFIG, ("message.timestamp.type", "retention.ms")),
        TopicSpec("new", 4, _CONFIG),
    ]
    async with admin_of(kafka) as admin:
        await admin.create_topics([NewTopic("kept", 2, 1, topic_configs=_OLD), NewTopic("enforced", 6, 1)])
        await ensure_topics(kafka, specs)
        described = await admin.describe_topics(["kept", "enforced", "new"])
        async with asyncio.timeout(60):
            while (await _values(admin, "enforced"))["retention.ms"] != "-1":  # noqa: ASYNC110 - the broker has no event
                await asyncio.sleep(0.05)
        values = {name: await _values(admin, name) for name in ("kept", "enforced", "new")}
    assert {len(topic["partitions"]) for topic in described} == {6}
    assert {found["message.timestamp.type"] for found in values.values()} == {"LogAppendTime"}
    operators = {key: values["kept"][key] for key in _OLD}
    assert operators == _OLD
    assert values["enforced"]["retention.ms"] == values["new"]["retention.ms"] == "-1"


async def test_a_record_is_stored_at_the_time_of_the_broker_however_wrong_the_clock_of_its_producer(
    kafka: KafkaConnection,
) -> None:
    await ensure_topics(kafka, [TopicSpec("clocks", 1, _CONFIG)])
    producer, consumer = make_producer(kafka), make_consumer(kafka, auto_offset_reset="earliest")
    await asyncio.gather(producer.start(), consumer.start())
    try:
        for hours in (-9000, -2, 2, 9000):
            wrong = int((time.time() + hours * 3600) * 1000)
            await producer.send_and_wait("clocks", b"event", timestamp_ms=wrong)
        consumer.assign([TopicPartition("clocks", 0)])
        times = [(await consumer.getone()).timestamp / 1000 for _ in range(4)]
    finally:
        await producer.stop()
        await consumer.stop()
    assert all(abs(stored - time.time()) < 60 for stored in times)


async def test_added_partitions_are_noticed(kafka: KafkaConnection) -> None:
    await ensure_topics(kafka, [TopicSpec("grows", 1, {})])
    consumer = make_consumer(kafka)
    await consumer.start()
    try:
        noticed = asyncio.ensure_future(partitions_added(lambda: partitions_of(consumer._client, ["grows"]), 0.05))
        await asyncio.sleep(0.3)
        assert not noticed.done()
        async with admin_of(kafka) as admin:
            await admin.create_partitions({"grows": NewPartitions(3)})
        assert "grows" in await asyncio.wait_for(noticed, 60)
    finally:
        await consumer.stop()
