"""Test that codecs, transactions, compressed bombs and empty records stop no partition and lose no good event.

Good events arrive through producers of every codec and in committed transactions, while others send events of aborted
transactions, batches that decompress to far more than a record may have, and records with neither key nor value.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from infra.kafka_connection import KafkaConnection
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted
from streams.topics import MAX_MESSAGE_BYTES, PARTITIONS, topic_of
from tests.chaos.checks import count_is, not_once, wrong_outcomes
from tests.chaos.cluster import COUNTING, Cluster, restarting_crashed
from tests.chaos.killing import IDLE_TIMEOUT_S
from tests.chaos.schedule import print_schedule, scaled
from tests.chaos.submissions import cheap_message, cheap_request
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Outcomes, Watch, name_of, read_all, watching
from tests.quality.report import figure

pytestmark = pytest.mark.chaos

_EVENTS = 3000
_CODECS = ("gzip", "snappy", "lz4", "zstd")
_BOMB_BYTES = (MAX_MESSAGE_BYTES + 1, 20 << 20, 100 << 20)  # snappy makes 100 MiB 5 MiB, gzip 100 kiB
_EVENTS_PER_TRANSACTION = 5
_ABORTED = 1_000_000  # the first number of the events in aborted transactions
_TOPIC = topic_of(SongSubmitted)


async def test_no_hostile_record_stops_a_partition_or_loses_a_good_event(tmp_path: Path) -> None:
    numbers = range(scaled(_EVENTS, 100))
    good = [str(cheap_request(number).request_id) for number in numbers]
    aborted = [str(cheap_request(number + _ABORTED).request_id) for number in numbers[::10]]
    bombs = len(_CODECS) * len(_BOMB_BYTES)
    print_schedule(
        f"{len(good)} good events through {len(_CODECS)} codecs and transactions",
        [f"{len(aborted)} aborted events, {bombs} bombs, {PARTITIONS} records with neither key nor value"],
    )
    with Cluster(tmp_path, COUNTING) as cluster:
        await cluster.start_all()
        watch, letters = Outcomes(good), Watch()
        async with (
            watching(cluster.kafka, PROGRESS_AND_OUTCOMES, watch),
            watching(cluster.kafka, [_TOPIC.dead_letter_name], letters),
            restarting_crashed(cluster) as crashed,
        ):
            await asyncio.gather(
                *(
                    _send_compressed(cluster.kafka, codec, numbers[n :: len(_CODECS) + 1])
                    for n, codec in enumerate(_CODECS)
                ),
                _send_in_transactions(cluster.kafka, numbers[len(_CODECS) :: len(_CODECS) + 1]),
                _abort(cluster.kafka, [number + _ABORTED for number in numbers[::10]]),
                _send_bombs(cluster.kafka),
                _send_nothing(cluster.kafka),
            )
            cluster.log_event("all records are sent")
            await watch.until(watch.all_ended, IDLE_TIMEOUT_S)
            await letters.until(lambda: len(_ids(letters)) >= bombs + PARTITIONS, IDLE_TIMEOUT_S)
        passed = await read_all(cluster.kafka, name_of(SongAccepted))
    wrong = wrong_outcomes(watch.records, good) + not_once(passed, good)
    processed = {record.request_id for record in passed} & set(aborted)
    count_is("hostile_good_ones_wrong", wrong, 0)
    count_is("hostile_aborted_events_processed", processed, 0)
    count_is("hostile_letters", _ids(letters), bombs + PARTITIONS)
    figure("hostile_workers_ended_by_themselves", len(crashed), "0", met=not crashed)
    assert wrong == []
    assert not processed
    assert not crashed
    assert len(_ids(letters)) == bombs + PARTITIONS


def _ids(letters: Watch) -> set[str | None]:
    return {record.header("bachata.dead-letter-id") for record in letters.records}


@asynccontextmanager
async def _producer(kafka: KafkaConnection, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(**kafka.client_options(), max_request_size=2 * max(_BOMB_BYTES), **options)
    async with AsyncExitStack() as stack:
        await producer.start()
        stack.push_async_callback(producer.stop)
        yield producer


def _groups(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (numbers[first : first + size] for first in range(0, len(numbers), size))


async def _send_compressed(kafka: KafkaConnection, codec: str, numbers: Sequence[int]) -> None:
    async with _producer(kafka, compression_type=codec, linger_ms=20, enable_idempotence=True) as producer:
        for group in _groups(numbers, 20):
            await asyncio.gather(*[await producer.send(**cheap_message(number)._asdict()) for number in group])


async def _send_in_transactions(kafka: KafkaConnection, numbers: Sequence[int]) -> None:
    async with _producer(kafka, transactional_id="committed") as producer:
        for group in _groups(numbers, _EVENTS_PER_TRANSACTION):
            async with producer.transaction():
                for message in map(cheap_message, group):
                    await producer.send(**message._asdict())


async def _abort(kafka: KafkaConnection, numbers: Sequence[int]) -> None:
    async with _producer(kafka, transactional_id="aborted") as producer:
        for group in _groups(numbers, _EVENTS_PER_TRANSACTION):
            await producer.begin_transaction()
            for message in map(cheap_message, group):
                await producer.send_and_wait(**message._asdict())
            await producer.abort_transaction()


def _bombs() -> Iterator[tuple[str, int]]:
    return ((codec, size) for codec in _CODECS for size in _BOMB_BYTES)


async def _send_bombs(kafka: KafkaConnection) -> None:
    for number, (codec, size) in enumerate(_bombs()):
        async with _producer(kafka, compression_type=codec) as producer:
            value = bytes(size)
            await producer.send_and_wait(_TOPIC.full_name, value, key=b"bomb", partition=number % PARTITIONS)


async def _send_nothing(kafka: KafkaConnection) -> None:
    """Send a record with neither key nor value to each partition."""
    async with _producer(kafka) as producer:
        for partition in range(PARTITIONS):
            batch = producer.create_batch()
            batch.append(key=None, value=None, timestamp=None)
            await (await producer.send_batch(batch, _TOPIC.full_name, partition=partition))
