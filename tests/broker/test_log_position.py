"""A stored position in a log that was written again, shortened or deleted, on a real Kafka."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from infra.kafka_connection import KafkaConnection
from streams.kafka import make_consumer, make_producer
from streams.log_position import Position, resume_positions
from tests.broker.conftest import DataFolder

pytestmark = pytest.mark.broker
_TP = TopicPartition("log-position", 0)
_TIME = 1_700_000_000_000


class _Log:
    """A topic that can be written again."""

    def __init__(self, kafka: KafkaConnection, admin: Any, producer: Any) -> None:
        self._kafka = kafka
        self.admin = admin
        self._producer = producer

    async def write(self, values: Iterable[int]) -> None:
        for value in values:
            await self._producer.send_and_wait(_TP.topic, b"%d" % value, partition=0, timestamp_ms=_TIME + value)

    async def write_again(self, values: Iterable[int]) -> None:
        await self.admin.delete_topics([_TP.topic])
        config = {"message.timestamp.type": "CreateTime", "message.timestamp.before.max.ms": str(1 << 62)}
        while True:
            response = await self.admin.create_topics([NewTopic(_TP.topic, 1, 1, topic_configs=config)])
            if not response.topic_errors[0][1]:
                break
        await self.write(values)

    async def write_in_transaction(self, value: int) -> None:
        producer = AIOKafkaProducer(transactional_id="others", **self._kafka.client_options())
        await producer.start()
        async with producer.transaction():
            await producer.send_and_wait(_TP.topic, b"%d" % value, partition=0)
        await producer.stop()

    async def resumed(self, position: Position | None) -> Position:
        async with self._consumer() as consumer:
            return (await resume_positions(consumer, {_TP: position}))[_TP]

    async def read(self, until: int) -> Position:
        position = Position(0)
        async with self._consumer() as consumer:
            while position.offset < until:
                position = position.after(await consumer.getone())
        return position

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[Any]:
        consumer = make_consumer(self._kafka, auto_offset_reset="earliest")
        await consumer.start()
        consumer.assign([_TP])
        try:
            yield consumer
        finally:
            await consumer.stop()


@pytest.fixture
async def log(data_folder: DataFolder) -> AsyncIterator[_Log]:
    kafka = data_folder.kafka
    admin, producer = AIOKafkaAdminClient(**kafka.client_options()), make_producer(kafka)
    await admin.start()
    await producer.start()
    yield _Log(kafka, admin, producer)
    await producer.stop()
    await admin.close()


async def test_reading_continues_after_the_last_record_that_is_still_there(log: _Log) -> None:
    await log.write_again(range(60))
    position = await log.read(until=60)
    assert await log.resumed(position) == position
    await log.write_again([*range(40), *range(100, 130)])  # a tail of 20 is lost, and 30 others have its offsets
    resumed = await log.resumed(position)
    assert 20 <= resumed.offset <= 40
    assert resumed.marks[0].offset == resumed.offset - 1
    await log.write_again(range(45))  # shorter than what was read
    assert 20 <= (await log.resumed(position)).offset <= 45


async def test_another_log_is_read_from_its_start(log: _Log) -> None:
    await log.write_again(range(30))
    position = await log.read(until=30)
    for again in (range(500, 510), range(500, 530), range(500, 560)):
        await log.write_again(again)
        assert await log.resumed(position) == Position(0)
    assert await log.resumed(Position(90)) == Position(0)
    assert await log.resumed(Position(50)) == Position(50)  # stored without marks, by an earlier version
    assert await log.resumed(None) == Position(0)


async def test_a_log_where_a_transaction_ends_in_place_of_a_record_is_another(log: _Log) -> None:
    await log.write_again(range(2))
    position = await log.read(until=2)
    newest = position._replace(marks=position.marks[:1])  # records of another transaction were before it
    assert await log.resumed(newest) == newest
    await log.write_again([])
    await log.write_in_transaction(500)
    assert await log.resumed(newest) == Position(0)


async def test_records_deleted_before_they_were_read_are_counted(log: _Log, caplog: pytest.LogCaptureFixture) -> None:
    await log.write_again(range(30))
    position = await log.read(until=10)
    await log.admin.delete_records({_TP: RecordsToDelete(10)})
    assert await log.resumed(position) == position
    assert "LOST" not in caplog.text
    await log.admin.delete_records({_TP: RecordsToDelete(25)})
    assert await log.resumed(position) == Position(25)
    assert "LOST 15 records" in caplog.text
