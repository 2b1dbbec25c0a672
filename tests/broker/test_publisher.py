"""Publishing in batches, on a real Kafka: order, offsets, several batches at once, each key in its partition."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner

from streams.envelope import Message
from streams.topics import PARTITIONS, TopicSpec
from streams.worker.create_topics import ensure_topics
from streams.worker.publisher import KafkaPublisher
from tests.broker.conftest import Home

pytestmark = pytest.mark.broker
TOPIC = "publisher"
RECORDS = 1200
_VALUE = b"x" * 400  # all of them fill several batches of 128 KB in each partition
_HEADERS = [("ce_id", b"1"), ("ce_source", b"/a")]


async def _read(bootstrap: str) -> list[list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]]]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        found = defaultdict(list)
        while any([await consumer.position(place) < ends[place] for place in places]):
            for place, batch in (await consumer.getmany(timeout_ms=500)).items():
                found[place] += [(message.key, message.value, list(message.headers)) for message in batch]
        return [found[place] for place in places]
    finally:
        await consumer.stop()


async def _write_and_read(bootstrap: str) -> None:
    await ensure_topics(bootstrap, [TopicSpec(TOPIC, PARTITIONS, {})])
    publisher = KafkaPublisher(bootstrap)
    await publisher.start()
    try:
        keys = [b"key-%d" % (number % 7) for number in range(RECORDS)]
        messages = [Message(TOPIC, key, b"%d:" % number + _VALUE, _HEADERS) for number, key in enumerate(keys)]
        await asyncio.gather(publisher.publish(*messages[: RECORDS // 2]), publisher.publish())
        await publisher.publish(*messages[RECORDS // 2 :], Message(TOPIC, b"key-0", None, []))
        before = await _read(bootstrap)
        last = await publisher.append(TOPIC, 2, {b"a-%d" % number: _VALUE for number in range(RECORDS)})
        after = await _read(bootstrap)
    finally:
        await publisher.stop()
    choose = DefaultPartitioner()
    for number, records in enumerate(before):
        sent = [message for message in messages if choose(message.key, list(range(PARTITIONS)), []) == number]
        written = [(message.key, message.value, _HEADERS) for message in sent]
        assert [record for record in records if record[1] is not None] == written
    assert (b"key-0", None, []) in [record for records in before for record in records]
    assert last == len(after[2]) - 1
    assert [key for key, _, _ in after[2][len(before[2]) :]] == [b"a-%d" % number for number in range(RECORDS)]


def test_records_arrive_in_order_in_the_partition_of_their_key(home: Home) -> None:
    address = json.loads((home.folder / "run" / "kafka.json").read_text())
    asyncio.run(_write_and_read(address["bootstrap"]))
