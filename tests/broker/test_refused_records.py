"""Records that cannot become dead letters as they are: each gets one outcome at once, and no partition waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.request_ended import RequestEnded
from streams.envelope import Headers, Message
from streams.kafka import make_consumer, record_of
from streams.sending import send_in_order
from streams.stage.dead_letters import DeadLetter, read_dead_letter
from streams.topics import PARTITIONS, REQUEST_ENDED
from tests.broker.conftest import DataFolder

pytestmark = [pytest.mark.broker, pytest.mark.slow]
_SONGS = "bachata.song-submitted.v1"
_MIB = 1024 * 1024
_TIMEOUT_S = 60.0

_RECORDS: dict[str, Callable[[], tuple[bytes | None, bytes | None, Headers]]] = {
    "neither key nor value": lambda: (None, None, []),
    "no value": lambda: (b"k", None, []),
    "a key of almost 8 MiB": lambda: (b"k" * (8 * _MIB - 200), b"v", []),
    "ten thousand headers": lambda: (b"k", b"v", [(f"h{number}", b"x") for number in range(10_000)]),
}
_OMITTED: dict[str, Callable[[], tuple[bytes | None, bytes | None, Headers]]] = {
    "a value that unfolds to 20 MiB": lambda: (b"k", b"v" * (20 * _MIB), []),
    "headers that unfold to 9 MiB": lambda: (b"k", b"v", [("h", b"x" * 9 * _MIB)]),
    "a key that unfolds to 10 MiB": lambda: (b"k" * (10 * _MIB), b"v", []),
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
        marker = ("ce_id", uuid4().hex.encode())
        faults = await send_in_order(self.producer, [Message(_SONGS, key, value, [marker, *headers])])
        assert faults == [None]
        return await asyncio.wait_for(self.wait_for(marker), _TIMEOUT_S)

    async def wait_for(self, marker: tuple[str, bytes]) -> tuple[Any, RequestEnded]:
        """Return the next dead letter with this header, and the outcome that names it."""
        letter, outcomes = None, dict[str, RequestEnded]()
        async for message in self.consumer:
            if message.topic != REQUEST_ENDED.full_name:
                letter = message if marker in message.headers else letter
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
    letter, ended = await follower.fate_of(*_OMITTED[name]())
    read = _read(letter)
    assert ended.outcome == "failed"
    assert read.claimed_topic == _SONGS
    assert read.omitted_because
    assert None not in {read.source_partition, read.source_offset}
    refused = await asyncio.to_thread(data_folder.bachata, "dead-letters", "redrive", read.id)
    assert (refused.exit_code, refused.json["reason"]) == (1, "letter_refused")
    assert f"at offset {read.source_offset}" in refused.json["error"]


async def test_a_record_with_neither_key_nor_value_is_redriven_as_it_was(
    data_folder: DataFolder, follower: _Follower
) -> None:
    letter, _ = await follower.fate_of(None, None, [("again", b"1")])
    sent = await asyncio.to_thread(data_folder.bachata, "dead-letters", "redrive", _read(letter).id)
    assert sent.json["redriven"] == 1, sent.stderr
    again, _ = await asyncio.wait_for(follower.wait_for(("again", b"1")), _TIMEOUT_S)
    assert (again.key, again.value) == (None, None)
    assert _read(again).redrive_of == _read(letter).id
