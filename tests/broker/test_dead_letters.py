"""Dead letters: stored byte for byte, displayed with escapes, and redriven."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from infra.kafka_connection import KafkaConnection
from schemas.base import Options, Source
from schemas.request_ended import RequestEnded
from schemas.song_submitted import SongSubmitted
from streams.client import Client
from streams.envelope import Record
from streams.ids import new_request_id
from streams.kafka import make_consumer, record_of
from streams.stage.dead_letters import REDRIVE_OF, dead_letter_id
from streams.topics import PARTITIONS
from tests.broker.conftest import DataFolder, sent_letter_id, wait_until
from tests.paths import BACHATA

pytestmark = [pytest.mark.broker, pytest.mark.slow]
_SONGS = "bachata.song-submitted.v1"
_GARBAGE = b"\x00\xff\xfe\x1b[2J garbage \x9b31m"
_HEADERS = [
    ("x", b"\xff\x00"),
    ("reason", b"of the sender"),
    ("bachata.reason", b"of the sender"),
    ("\x1b[31mred", b"\x1b]0;title\x07"),
]


async def _send(kafka: KafkaConnection, topic: str, value: bytes, headers: Sequence[tuple[str, bytes]]) -> Any:
    producer = AIOKafkaProducer(**kafka.client_options())
    await producer.start()
    try:
        return await producer.send_and_wait(topic, value, key=b"\xfe key", headers=list(headers))
    finally:
        await producer.stop()


async def _all_of(kafka: KafkaConnection, topic: str) -> list[Any]:
    consumer = make_consumer(kafka)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends, found = await consumer.end_offsets(partitions), []
        while [tp for tp in partitions if await consumer.position(tp) < ends[tp]]:
            found += [m for batch in (await consumer.getmany(timeout_ms=200)).values() for m in batch]
        return found
    finally:
        await consumer.stop()


def _letters(data_folder: DataFolder, *arguments: str) -> list[dict[str, Any]]:
    result = data_folder.bachata("dead-letters", "list", *arguments)
    assert result.exit_code == 0, result.stderr
    return list(result.json["letters"])


def _letter(data_folder: DataFolder, id_: str) -> dict[str, Any]:
    """Return the dead letter of this id, after at most 30 s."""
    deadline = monotonic() + 120
    while monotonic() < deadline:
        if found := [letter for letter in _letters(data_folder, "--since", "10m") if letter["id"] == id_]:
            return found[0]
        sleep(0.2)
    raise AssertionError(f"no dead letter {id_}")


@pytest.fixture(scope="module")
def garbage(data_folder: DataFolder) -> dict[str, Any]:
    """Send bytes that are not an event, and return their dead letter."""
    sent = asyncio.run(_send(data_folder.kafka, _SONGS, _GARBAGE, _HEADERS))
    return _letter(data_folder, sent_letter_id(sent, b"\xfe key", _GARBAGE))


def test_a_dead_letter_names_step_and_reason(data_folder: DataFolder, garbage: dict[str, Any]) -> None:
    names = ("topic", "step", "reason", "attempts", "redriven_at")
    assert [garbage[name] for name in names] == [_SONGS, "intake", "invalid_event", 0, None]
    found = _letters(data_folder, "--topic", "song-submitted", "--reason", "invalid_event")
    assert garbage["id"] in [letter["id"] for letter in found]
    assert [letter["failed_at"] for letter in found] == sorted((x["failed_at"] for x in found), reverse=True)
    assert garbage["id"] not in [letter["id"] for letter in _letters(data_folder, "--reason", "no_such_reason")]
    assert _letters(data_folder, "--since", "2999-01-01T00:00") == []


def test_untrusted_bytes_are_printed_complete_and_escaped(
    data_folder: DataFolder, garbage: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "value"
    result = data_folder.bachata("dead-letters", "show", garbage["id"][:14], "--value", file)
    assert b64decode(result.json["value"]["base64"]) == file.read_bytes() == _GARBAGE
    assert b64decode(result.json["key"]["base64"]) == b"\xfe key"
    headers = [(header["name"], b64decode(header["base64"])) for header in result.json["headers"]]
    assert headers[: len(_HEADERS)] == _HEADERS
    command = [BACHATA, "dead-letters", "show", garbage["id"]]
    text = subprocess.run(command, env=data_folder.env, capture_output=True, text=True, timeout=60, check=True).stdout
    assert all(c.isprintable() or c == "\n" for c in text)
    assert "67 61 72 62 61 67 65" in text


def test_a_redriven_event_fails_again_with_the_same_bytes(data_folder: DataFolder, garbage: dict[str, Any]) -> None:
    result = data_folder.bachata("dead-letters", "redrive", garbage["id"])
    assert result.json == {
        "redriven": 1,
        "ids": [garbage["id"]],
        "strays": [],
        "unreadable": [],
        "refused": {},
        "sent_before": 0,
    }
    marker = (REDRIVE_OF, garbage["id"].encode())
    [again] = [m for m in asyncio.run(_all_of(data_folder.kafka, _SONGS)) if marker in m.headers]
    assert (again.key, again.value, list(again.headers)) == (b"\xfe key", _GARBAGE, [*_HEADERS, marker])
    new = _letter(data_folder, dead_letter_id(record_of(again), "intake"))
    assert (new["reason"], new["redrive_of"]) == ("invalid_event", garbage["id"])
    assert _letter(data_folder, garbage["id"])["redriven_at"] is not None


def test_a_dead_letter_that_was_written_twice_is_listed_once(data_folder: DataFolder, garbage: dict[str, Any]) -> None:
    """This happens after a crash between writing the dead letter and acking the event."""
    topic, marker = f"{_SONGS}.dlq", ("bachata.dead-letter-id", garbage["id"].encode())
    [letter] = [m for m in asyncio.run(_all_of(data_folder.kafka, topic)) if marker in m.headers]
    asyncio.run(_send(data_folder.kafka, topic, letter.value, letter.headers))
    assert [letter["id"] for letter in _letters(data_folder)].count(garbage["id"]) == 1


def test_an_event_that_is_sent_again_after_its_redrive_and_fails_is_to_be_redriven(data_folder: DataFolder) -> None:
    value, headers = b"not an event", [("ce_id", new_request_id().encode())]
    sent = asyncio.run(_send(data_folder.kafka, _SONGS, value, headers))
    id_ = dead_letter_id(Record(_SONGS, sent.partition, sent.offset, b"\xfe key", value, headers), "intake")
    first = _letter(data_folder, id_)
    assert data_folder.bachata("dead-letters", "redrive", id_).json["ids"] == [id_]
    assert _letter(data_folder, id_)["redriven_at"] is not None
    asyncio.run(_send(data_folder.kafka, _SONGS, value, headers))
    wait_until(lambda: _letter(data_folder, id_)["offset"] != first["offset"], timeout_s=30)
    assert _letter(data_folder, id_)["redriven_at"] is None


def test_a_filter_skips_dead_letters_that_were_redriven_before(
    data_folder: DataFolder, garbage: dict[str, Any]
) -> None:
    filters = ("--topic", "song-submitted", "--reason", "invalid_event", "--since", "10m")
    pending = {letter["id"] for letter in _letters(data_folder, *filters) if letter["redriven_at"] is None}
    sent = data_folder.bachata("dead-letters", "redrive", *filters).json
    assert pending <= {*sent["ids"], *sent["refused"]}
    assert garbage["id"] not in sent["ids"]
    assert sent["sent_before"] >= 1


def test_a_dead_letter_that_names_another_topic_is_not_redriven(data_folder: DataFolder) -> None:
    claims = [("__connect.errors.topic", b"bachata.rendered.v1"), ("bachata.dead-letter-id", b"stray")]
    before = len(asyncio.run(_all_of(data_folder.kafka, "bachata.rendered.v1")))
    asyncio.run(_send(data_folder.kafka, "bachata.moves-scored.v1.dlq", b"{}", claims))
    result = data_folder.bachata("dead-letters", "redrive", "stray")
    assert (result.exit_code, result.json["reason"], result.json["strays"]) == (1, "stray", ["stray"])
    assert len(asyncio.run(_all_of(data_folder.kafka, "bachata.rendered.v1"))) == before


async def test_a_song_whose_file_was_missing_is_accepted_when_the_file_exists(
    data_folder: DataFolder, demo_song: Path
) -> None:
    file = data_folder.path / "songs" / "late.mp3"
    file.parent.mkdir(exist_ok=True)
    request = SongSubmitted(
        source=Source(path=str(file)),
        request_id=new_request_id(),
        options=Options(duration="30s", quality="fast"),
    )
    failed = await asyncio.wait_for(_outcome(data_folder, request), 60)
    assert (failed.reason, failed.step) == ("not_found", "intake")
    shutil.copyfile(demo_song, file)
    sent = await asyncio.to_thread(data_folder.bachata, "dead-letters", "redrive", str(failed.dead_letter_id))
    assert sent.json["redriven"] == 1, sent.stderr
    accepted = await asyncio.wait_for(_accepted(data_folder, str(request.request_id)), 60)
    same = [m for m in await _all_of(data_folder.kafka, _SONGS) if m.value == request.model_dump_json().encode()]
    first, second = sorted(same, key=lambda message: message.offset)
    assert dict(first.headers)["ce_id"] == dict(second.headers)["ce_id"] == dict(accepted.headers)["ce_causationid"]
    assert dict(second.headers)[REDRIVE_OF].decode() == failed.dead_letter_id
    assert [pair for pair in second.headers if pair[0] != REDRIVE_OF] == list(first.headers)


async def _outcome(data_folder: DataFolder, request: SongSubmitted) -> RequestEnded:
    async with Client(data_folder.kafka) as client:
        await client.submit_event(request)
        [outcome] = (await client.wait_all([str(request.request_id)])).values()
    return outcome.ended


async def _accepted(data_folder: DataFolder, request_id: str) -> Any:
    while True:
        for message in await _all_of(data_folder.kafka, "bachata.song-accepted.v1"):
            if json.loads(message.value)["request_id"] == request_id:
                return message
        await asyncio.sleep(0.2)
