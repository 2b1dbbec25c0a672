"""What a group has committed is found again just after the broker was killed and has started."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import OffsetAndMetadata

from infra.kafka_connection import KafkaConnection
from infra.kafka_jars import ensure_jars
from infra.local_kafka import LocalKafka, find_java, installed_startup_cache
from infra.settings import load_settings
from streams.patches.aiokafka_records import TolerantConsumer
from tests.broker.conftest import wait_until

pytestmark = pytest.mark.broker

_PARTITIONS = [TopicPartition("songs", partition) for partition in range(100)]
_COMMITS = 100  # of all partitions: a broker takes about half a second to load them
_OFFSET = 7


def test_no_committed_offset_is_missed_while_a_broker_loads_the_group(tmp_path: Path) -> None:
    class_path = ensure_jars(load_settings().cache_dir, print)
    with LocalKafka(tmp_path / "kafka", class_path, find_java(), installed_startup_cache(class_path)) as kafka:
        asyncio.run(_commit(kafka.start()))
        os.kill(kafka.pid or 0, signal.SIGKILL)
        wait_until(lambda: kafka.pid is None, 60)
        assert asyncio.run(_committed(kafka.start())) == _OFFSET


def _consumer(kafka: KafkaConnection) -> TolerantConsumer:
    consumer = TolerantConsumer(**kafka.client_options(), group_id="dancers", enable_auto_commit=False)
    consumer.assign(_PARTITIONS)
    return consumer


async def _commit(kafka: KafkaConnection) -> None:
    admin = AIOKafkaAdminClient(**kafka.client_options())
    await admin.start()
    await admin.create_topics([NewTopic("songs", len(_PARTITIONS), 1)])
    await admin.close()
    async with _consumer(kafka) as consumer:
        for _ in range(_COMMITS):
            await consumer.commit(dict.fromkeys(_PARTITIONS, OffsetAndMetadata(_OFFSET, "marks" * 20)))


async def _committed(kafka: KafkaConnection) -> int | None:
    async with _consumer(kafka) as consumer:
        offset: int | None = await consumer.committed(_PARTITIONS[0])
        return offset
