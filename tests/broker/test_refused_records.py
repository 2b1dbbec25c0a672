"""Records that cannot become dead letters as they are: each gets one outcome at once, and no partition waits."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.request_ended import RequestEnded
from streams.envelope import Headers
from streams.kafka import admin_of, make_consumer, record_of
from streams.patches.aiokafka_configs import SetTopicConfigs
from streams.stage.dead_letters import DeadLetter, read_dead_letter
from streams.topics import MAX_DEAD_LETTER_BYTES, MAX_MESSAGE_BYTES, PARTITIONS, REQUEST_ENDED
from tests.broker.conftest import DataFolder

pytestmark = [pytest.mark.broker, pytest.mark.slow]
_SONGS = "bachata.song-submitted.v1"
_ACCEPTED = "bachata.song-accepted.v1"
_MIB = 1024 * 1024
_TIMEOUT_S = 60.0

_RECORDS: dict[str, Callable[[], tuple[bytes | None, bytes | None, Headers]]] = {
    "neither key nor value": lambda: (None, None, []),
    "no value": lambda: (b"k", None, []),
    "a key of almost 8 MiB": lambda: (b"k" * (8 * _MIB - 200), b"v", []),
    "ten thousand headers": lambda: (b"k", b"v", [(f"h{number}", b"x") for number in range(10_000)]),
}
_OMITTED: dict[str, Callable[[], tuple[bytes | None, bytes | None, Headers]]] = {
    "a value that decompresses to 20 MiB": lambda: (b"k", b"v" * (20 * _MIB), []),
    "headers that decompress to 9 MiB": lambda: (b"k", b"v", [("h", b"x" * 9 * _MIB)]),
    "a key that decompresses to 10 MiB": lambda: (b"k" * (10 * _MIB), b"v", []),
}


class _Follower:
    """Reads dead letters of `song-submitted` and outcomes."""

    def __init__(self, data_folder: DataFolder) -> None:
        self.producer = AIOKafkaProducer(
            **data_folder.kafka.client_options(), compression_type="gzip", max_request_size=64 * _MIB
        )
        self.consumer: AIOKafkaConsumer = make_consumer(data_folder.kafka)

    async def start(self) -> None:
        await self.producer.start()
        await self.consumer.start()
        topics = (f"{_SONGS}.dlq", REQUEST_ENDED.full_name)
        self.consumer.assign([TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)])
        for tp, end in (await self.consumer.end_offsets(list(self.consumer.assignment()))).items():
            self.consumer.seek(tp, end)

    async def stop(self) -> None:
        await self.producer.stop()
        await self.consumer.stop()

    async def fate_of(self, key: bytes | None, value: bytes | None, headers: Headers) -> tuple[Any, RequestEnded]:
        """Send a record, and return its dead letter and the outcome that names it."""
        batch = self.producer.create_batch()  # `send` refuses a record with neither key nor value
        batch.append(timestamp=None, key=key, value=value, headers=headers)
        sent = await (await self.producer.send_batch(batch, _SONGS, partition=1))
        return await asyncio.wait_for(self.wait_for("__connect.errors.offset", str(sent.offset)), _TIMEOUT_S)

    async def wait_for(self, header: str, text: str) -> tuple[Any, RequestEnded]:
        """Return the next dead letter with this header, and the outcome that names it."""
        letter, outcomes = None, dict[str, RequestEnded]()
        async for message in self.consumer:
            if message.topic != REQUEST_ENDED.full_name:
                letter = message if (header, text.encode()) in message.headers else letter
            else:
                ended = RequestEnded.model_validate_json(message.value)
                outcomes[str(ended.dead_letter_id)] = ended
            if letter is not None and (ended_by := outcomes.get(_read(letter).id)):
                return letter, ended_by
        raise AssertionError("the topics ended")


def _read(letter: Any) -> DeadLetter:
    return read_dead_letter(record_of(letter), letter.timestamp)


@pytest.fixture
async def follower(data_folder: DataFolder) -> AsyncIterator[_Follower]:
    follower = _Follower(data_folder)
    await follower.start()
    yield follower
    await follower.stop()


@pytest.mark.parametrize("name", _RECORDS)
async def test_a_dead_letter_has_the_bytes_that_fit(follower: _Follower, name: str) -> None:
    key, value, headers = _RECORDS[name]()
    letter, ended = await follower.fate_of(key, value, headers)
    assert (letter.key, letter.value) == (key, value)
    assert [pair for pair in letter.headers if pair in headers] == headers
    assert (ended.outcome, ended.reason) == ("failed", "invalid_event")


@pytest.mark.parametrize("name", _OMITTED)
async def test_a_dead_letter_names_the_place_of_bytes_that_do_not_fit(
    data_folder: DataFolder, follower: _Follower, name: str
) -> None:
    """One whose batch is too large to be decompressed is unreadable, and has no bytes that could be included."""
    letter, ended = await follower.fate_of(*_OMITTED[name]())
    read = _read(letter)
    assert ended.outcome == "failed"
    assert read.claimed_topic == _SONGS
    assert read.omitted_because or read.is_unreadable
    assert None not in {read.source_partition, read.source_offset}
    refused = await asyncio.to_thread(data_folder.bachata, "dead-letters", "redrive", read.id)
    assert refused.exit_code == 1
    assert refused.json["reason"] == ("unreadable_record" if read.is_unreadable else "letter_refused")


async def test_a_record_with_neither_key_nor_value_is_redriven_as_it_was(
    data_folder: DataFolder, follower: _Follower
) -> None:
    letter, _ = await follower.fate_of(None, None, [("again", b"1")])
    sent = await asyncio.to_thread(data_folder.bachata, "dead-letters", "redrive", _read(letter).id)
    assert sent.json["redriven"] == 1, sent.stderr
    again, _ = await asyncio.wait_for(follower.wait_for("again", "1"), _TIMEOUT_S)
    assert (again.key, again.value) == (None, None)
    assert _read(again).redrive_of == _read(letter).id


@asynccontextmanager
async def _config(data_folder: DataFolder, topic: str, name: str, value: str, before: str) -> AsyncIterator[None]:
    """Set one value of a topic, as an operator may do while the worker runs, and set it back afterwards."""
    async with admin_of(data_folder.kafka) as admin:
        try:
            await admin._send_request(SetTopicConfigs({topic: {name: value}}))
            yield
        finally:
            await admin._send_request(SetTopicConfigs({topic: {name: before}}))


async def test_an_event_that_its_topic_has_become_too_small_for_is_a_dead_letter(
    data_folder: DataFolder, demo_song: Path, follower: _Follower
) -> None:
    file = data_folder.path / "songs" / "refused.mp3"
    file.parent.mkdir(exist_ok=True)
    shutil.copyfile(demo_song, file)
    source = json.dumps({"source": {"path": str(file)}}).encode()
    async with _config(data_folder, _ACCEPTED, "max.message.bytes", "100", str(MAX_MESSAGE_BYTES)):
        letter, ended = await follower.fate_of(b"k", source, [])
    assert (letter.value, ended.outcome, ended.reason) == (source, "failed", "too_large")
    assert _ACCEPTED in str(ended.error)
    sent = await asyncio.to_thread(data_folder.bachata, "dead-letters", "redrive", _read(letter).id)
    assert sent.json["redriven"] == 1, sent.stderr


async def test_a_dead_letter_that_its_topic_has_become_too_small_for_names_its_place(
    data_folder: DataFolder, follower: _Follower
) -> None:
    async with _config(data_folder, f"{_SONGS}.dlq", "max.message.bytes", "6000", str(MAX_DEAD_LETTER_BYTES)):
        letter, ended = await follower.fate_of(b"k", b"x" * 9000, [])
    assert "max.message.bytes" in str(_read(letter).omitted_because)
    assert (ended.outcome, ended.reason) == ("failed", "invalid_event")
