"""Whatever is written to any topic of a real Kafka, the events after it in the same partition are still processed."""

from __future__ import annotations

import asyncio
import functools
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from infra.kafka_connection import KafkaConnection
from infra.kafka_jars import ensure_jars
from infra.local_kafka import LocalKafka, find_java, installed_startup_cache
from infra.settings import load_settings
from streams.envelope import Unreadable
from streams.kafka import make_consumer
from streams.operations.redrive import DeadLetterFilter, find_letters, redriven_times
from streams.operations.topic_history import TopicHistory
from streams.testing import inline
from streams.topics import (
    MOVE_INDEXED,
    PARTITIONS,
    PROGRESS,
    REDRIVEN,
    REQUEST_ENDED,
    RESULTS_TABLE,
    SONG_SUBMITTED,
    TopicSpec,
    changelog_name,
    specs,
)
from streams.views.requests import Requests
from streams.views.topic_view import ViewUpdater
from streams.worker.build import build_worker
from streams.worker.create_topics import ensure_topics
from tests.chaos.counting_worker import COUNTING
from tests.chaos.submissions import cheap_request
from tests.raw_batches import CODECS, GZIP, LZ4, SNAPPY, ZSTD, batch, bomb, large_record_head, record, send_raw

pytestmark = [pytest.mark.broker, pytest.mark.slow]

_SONGS = SONG_SUBMITTED.full_name
_CHANGELOG = changelog_name(RESULTS_TABLE)
_BOMBS = {GZIP: (64 << 20, 3), SNAPPY: (1 << 20, 80), LZ4: (4 << 20, 40), ZSTD: (64 << 20, 3)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kafka")


@pytest.fixture(scope="module")
def kafka(folder: Path) -> Iterator[KafkaConnection]:
    class_path = ensure_jars(load_settings().cache_dir, print)
    local = LocalKafka(folder, class_path, find_java(), installed_startup_cache(class_path))
    connection = local.start()
    asyncio.run(ensure_topics(connection, specs()))
    yield connection
    local.stop()


@pytest.fixture
def working(kafka: KafkaConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a context in which a worker runs whose step costs nothing."""
    monkeypatch.setenv("BACHATA_DATA_DIR", str(tmp_path / "data"))
    no_tools: Any = None

    @asynccontextmanager
    async def run() -> AsyncIterator[Any]:
        worker = build_worker(load_settings(), kafka, (COUNTING,), {"thread": inline(no_tools)})
        running = asyncio.create_task(worker.run())
        try:
            while worker.state:
                assert not running.done(), running.exception()
                await asyncio.sleep(0.05)
            yield worker
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    return run


@asynccontextmanager
async def _producing(kafka: KafkaConnection, **options: Any) -> AsyncIterator[Any]:
    producer = AIOKafkaProducer(**kafka.client_options(), max_request_size=9 << 20, **options)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


_numbers = iter(range(1_000_000))


async def _send_song(producer: Any, partition: int) -> str:
    request = cheap_request(next(_numbers))
    await producer.send_and_wait(_SONGS, request.model_dump_json().encode(), partition=partition)
    return str(request.request_id)


@asynccontextmanager
async def _outcomes(kafka: KafkaConnection) -> AsyncIterator[Any]:
    """Yield a function that returns when these requests have ended."""
    consumer = make_consumer(kafka)
    await consumer.start()
    consumer.assign([TopicPartition(REQUEST_ENDED.full_name, number) for number in range(PARTITIONS)])
    await consumer.seek_to_end()
    ended: set[str] = set()

    async def wait_for(*request_ids: str) -> None:
        async with asyncio.timeout(60):
            while not ended >= set(request_ids):
                batches = await consumer.getmany(timeout_ms=200)
                ended.update((message.key or b"").decode() for batch in batches.values() for message in batch)

    try:
        yield wait_for
    finally:
        await consumer.stop()


@functools.cache  # not at import: each process of `pytest -n` imports this file
def _bad_batches() -> list[bytes]:
    """Return batches that a broker accepts and of which no record can be read."""
    found = []
    for codec, (chunk, chunks) in _BOMBS.items():
        found.append(batch(0, [b""], codec, data=bomb(codec, chunk, chunks, large_record_head(chunk * chunks - 1))))
        found.append(batch(0, [record(0, bytes(20 << 20))], codec))
    return found


_BODIES: list[tuple[Any, ...]] = [
    (None, None),
    (None,),
    (b"", b""),
    (b"\xff\xfe", b"\xff\xfe"),
    (b"null",),
    (b"[" * 100_000,),
    (b"{}", b"k", [(b"\xff\xfe", b"\xff"), (b"n", None)]),
    (b"{}", b"k", [(b"n%d" % number, None) for number in range(10_000)]),
]
_ODD = [record(delta, *body) for delta, body in enumerate(_BODIES)]
_ODD_WITH_KEYS = [record(delta, *body) for delta, body in enumerate(_BODIES[1:])]  # compacted topics take no other
_COMPACTED = {spec.name for spec in specs() if spec.config["cleanup.policy"] == "compact"}
_TIMESTAMPS = (-1, 0, 1 << 62)


async def _send_all_kinds(producer: Any, topic: str) -> int:
    """Write to the partitions of a topic what cannot be read and what is no event; return the number of records."""
    written, odd = 0, _ODD_WITH_KEYS if topic in _COMPACTED else _ODD
    for number, raw in enumerate(_bad_batches()):
        await send_raw(producer, topic, number % PARTITIONS, raw)
        written += 1
    for codec in CODECS:
        await send_raw(producer, topic, codec % PARTITIONS, batch(0, odd, codec, timestamp=_TIMESTAMPS[codec % 3]))
        written += len(odd)
    return written


async def test_no_record_stops_the_worker(kafka: KafkaConnection, working: Any) -> None:
    async with working() as worker, _producing(kafka) as producer, _outcomes(kafka) as ended:
        written = await _send_all_kinds(producer, _SONGS)
        await ended(*[await _send_song(producer, partition) for partition in range(PARTITIONS)])
        assert not worker.state
    async with TopicHistory(kafka) as history:
        letters = await find_letters(history, DeadLetterFilter())
    assert len([letter for letter in letters if letter.topic is SONG_SUBMITTED]) == written
    unreadable = [letter for letter in letters if letter.is_unreadable]
    assert len(unreadable) == len(_bad_batches())
    assert {("more than 64 MiB" in letter.error, "at most 8388608" in letter.error) for letter in unreadable} == {
        (True, False),
        (False, True),
    }


async def test_events_of_every_codec_are_processed(kafka: KafkaConnection, working: Any) -> None:
    async with working(), _outcomes(kafka) as ended:
        for codec in ("gzip", "snappy", "lz4", "zstd"):
            async with _producing(kafka, compression_type=codec) as producer:
                await ended(*[await _send_song(producer, partition) for partition in range(PARTITIONS)])


async def test_events_that_the_broker_compressed_are_read(kafka: KafkaConnection) -> None:
    """Kafka's own encoders write other frames than those of the Python client."""
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        topic = f"compressed-{codec}"
        await ensure_topics(kafka, [TopicSpec(topic, PARTITIONS, {"compression.type": codec})])
        values = [b"%d" % number * 50 for number in range(2000)]
        async with _producing(kafka) as producer:
            await asyncio.gather(*[await producer.send(topic, value, partition=0) for value in values])
        async with TopicHistory(kafka) as history:
            ranges = await history.offset_ranges([topic])
            read = [stored.record.value async for stored_batch in history.read(ranges) for stored in stored_batch]
        assert read == values


async def test_no_record_stops_a_view_or_a_reader_of_topics(kafka: KafkaConnection, tmp_path: Path) -> None:
    requests = Requests(tmp_path / "requests")
    updater = ViewUpdater(kafka, [MOVE_INDEXED.full_name, PROGRESS.full_name, REQUEST_ENDED.full_name], requests)
    topics = [MOVE_INDEXED.full_name, PROGRESS.full_name, REQUEST_ENDED.full_name]
    async with _producing(kafka) as producer, asyncio.timeout(60):
        for topic in [*topics, REDRIVEN, SONG_SUBMITTED.dead_letter_name]:
            await _send_all_kinds(producer, topic)
            await _abort_a_record(kafka, topic, 0)
        await updater.start()
        await updater.caught_up()
        await updater.stop()
        async with TopicHistory(kafka) as history:
            await redriven_times(history, await find_letters(history, DeadLetterFilter()))
    requests.close()


async def test_aborted_events_are_passed_over_and_open_transactions_end(kafka: KafkaConnection, working: Any) -> None:
    async with working(), _producing(kafka) as producer, _outcomes(kafka) as ended:
        aborted = await _abort_a_record(kafka, _SONGS, 1)
        await ended(await _send_song(producer, 1))
        async with _producing(kafka, transactional_id="open") as other:
            await other.begin_transaction()
            await _send_song(other, 2)
            behind = await _send_song(producer, 2)
            last_stable, highwater = await _ends(kafka, TopicPartition(_SONGS, 2))
            assert last_stable < highwater
            await other.abort_transaction()
        await ended(behind)
    async with TopicHistory(kafka) as history:
        outcomes = await _values(history, REQUEST_ENDED.full_name)
    assert not [value for value in outcomes if aborted.encode() in value]


async def test_no_record_of_the_changelog_stops_a_recovery(kafka: KafkaConnection, working: Any) -> None:
    """The changelog ends with the marker of an aborted transaction, so no record has its last offset."""
    async with _producing(kafka) as producer:
        await _send_all_kinds(producer, _CHANGELOG)
        for partition in range(PARTITIONS):
            await producer.send(_CHANGELOG, b"no number", b"__faust\0offset__", partition)
            await _abort_a_record(kafka, _CHANGELOG, partition)
    for _ in range(2):
        async with asyncio.timeout(60), working(), _producing(kafka) as producer, _outcomes(kafka) as ended:
            await ended(*[await _send_song(producer, partition) for partition in range(PARTITIONS)])


async def _abort_a_record(kafka: KafkaConnection, topic: str, partition: int) -> str:
    """Write a request in a transaction that is aborted; return the request's id."""
    async with _producing(kafka, transactional_id="aborted") as producer:
        await producer.begin_transaction()
        request = cheap_request(next(_numbers))
        await producer.send_and_wait(topic, request.model_dump_json().encode(), b"key", partition)
        await producer.abort_transaction()
    return str(request.request_id)


async def _ends(kafka: KafkaConnection, tp: TopicPartition) -> tuple[int, int]:
    """Return the last stable offset and the end of a partition, as a consumer that has read all of it knows them."""
    consumer = make_consumer(kafka)
    await consumer.start()
    try:
        consumer.assign([tp])
        await consumer.seek_to_end(tp)
        async with asyncio.timeout(60):
            while consumer.last_stable_offset(tp) is None:
                await consumer.getmany(timeout_ms=200)
        return consumer.last_stable_offset(tp), consumer.highwater(tp)
    finally:
        await consumer.stop()


async def _values(history: TopicHistory, topic: str) -> list[bytes]:
    ranges = await history.offset_ranges([topic])
    return [stored.record.value or b"" async for read in history.read(ranges) for stored in read]


@pytest.mark.parametrize("length", [-7, 3, 300, 1 << 20, 1 << 30])
async def test_a_wrong_length_on_the_disk_costs_only_its_batch(
    kafka: KafkaConnection, folder: Path, length: int
) -> None:
    topic, damaged = f"length-{length}".replace("--", "-minus-"), 20
    await ensure_topics(kafka, [TopicSpec(topic, 1, {})])
    async with _producing(kafka) as producer:
        for number in range(40):
            await producer.send_and_wait(topic, b"%d" % number * 300, partition=0)
    _overwrite_length(folder, f"{topic}-0", damaged, length)
    for start in (0, damaged):
        read = await _read_to(kafka, TopicPartition(topic, 0), start, 40)
        assert [message.offset for message in read] == list(range(start, 40))
        assert [message.offset for message in read if isinstance(message.headers, Unreadable)] == [damaged]


def _overwrite_length(folder: Path, partition: str, number: int, length: int) -> None:
    [log] = folder.rglob(f"{partition}/*.log")
    with log.open("r+b") as file:
        file.seek(_start_of_batch(log.read_bytes(), number) + 8)
        file.write(struct.pack(">i", length))


def _start_of_batch(raw: bytes, number: int) -> int:
    start = 0
    for _ in range(number):
        start += 12 + int.from_bytes(raw[start + 8 : start + 12])
    return start


async def _read_to(kafka: KafkaConnection, tp: TopicPartition, start: int, end: int) -> list[Any]:
    consumer = make_consumer(kafka)
    await consumer.start()
    try:
        consumer.assign([tp])
        consumer.seek(tp, start)
        read: list[Any] = []
        async with asyncio.timeout(60):
            while await consumer.position(tp) < end:
                read += (await consumer.getmany(timeout_ms=500)).get(tp, [])
        return read
    finally:
        await consumer.stop()
