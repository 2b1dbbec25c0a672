"""The first and last offsets of partitions come at once, on a real Kafka."""

from __future__ import annotations

import asyncio

import pytest

from infra.kafka_connection import KafkaConnection
from streams.kafka import make_consumer, partitions_of
from streams.topics import TOPICS
from tests.broker.conftest import DataFolder

pytestmark = pytest.mark.broker
_NAMES = [topic.full_name for topic in TOPICS]
_WAIT_MS = 200_000  # longer than the time limit of a test


@pytest.fixture
def kafka(data_folder: DataFolder) -> KafkaConnection:
    return data_folder.kafka


async def test_the_offsets_of_several_topics_are_read_without_a_wait_for_each(kafka: KafkaConnection) -> None:
    async with make_consumer(kafka, retry_backoff_ms=_WAIT_MS) as consumer, asyncio.timeout(60):
        partitions = await partitions_of(consumer._client, _NAMES)
        assert len(await consumer.end_offsets(partitions)) == len(partitions)


async def test_offsets_are_read_while_a_fetch_waits_for_records(kafka: KafkaConnection) -> None:
    async with make_consumer(kafka, fetch_max_wait_ms=_WAIT_MS) as consumer, asyncio.timeout(60):
        partitions = await partitions_of(consumer._client, _NAMES)
        ends = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        for partition, end in ends.items():
            consumer.seek(partition, end)
        while not consumer._fetcher._pending_tasks:  # noqa: ASYNC110 - no event signals it
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)  # the broker has the fetch
        assert set(await consumer.end_offsets(partitions)) == set(partitions)
        assert set(await consumer.beginning_offsets(partitions)) == set(partitions)
