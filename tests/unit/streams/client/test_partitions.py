"""A client that follows requests goes on when Kafka is away for a moment, and reads partitions that are added."""

from __future__ import annotations

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.client import follower as follower_module
from streams.client.follower import Follower
from streams.client.memory_log import MemoryLog, MemoryReader
from streams.envelope import Message

_TOPIC = "topic"


class _ReaderWithoutKafka(MemoryReader):
    is_away = True

    async def partitions(self) -> list[TopicPartition]:
        if self.is_away:
            raise KafkaError("no broker answers")
        return await super().partitions()


@pytest.fixture(autouse=True)
def _partitions_are_checked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower_module, "_PARTITIONS_INTERVAL_S", 0.0)


async def test_a_follower_that_reads_partitions_waits_for_kafka() -> None:
    reader = _ReaderWithoutKafka(MemoryLog(), [_TOPIC])
    reader.is_away = False
    follower = Follower(reader)
    await follower.start_at_end()
    reader.is_away = True
    assert await follower.read(0.0) == []


async def test_a_follower_that_starts_without_kafka_fails() -> None:
    with pytest.raises(KafkaError):
        await Follower(_ReaderWithoutKafka(MemoryLog(), [_TOPIC])).start({})


async def test_a_partition_that_is_added_is_read_from_its_beginning() -> None:
    log = MemoryLog()
    follower = Follower(MemoryReader(log, [_TOPIC]))
    await log.publish(_messages("before"))
    await follower.start_at_end()
    log.partitions = 12
    await log.publish(_messages("after"))
    assert {record.value for record in await follower.read(0.0)} == {b"after"}
    assert len({tp.partition for tp in log.records}) > 4


def _messages(value: str) -> list[Message]:
    return [Message(_TOPIC, str(number).encode(), value.encode(), []) for number in range(30)]
