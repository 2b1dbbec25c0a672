"""What failed for good is kept byte for byte, shown safely, and sent on its way again."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from schemas.base import Options, Source
from schemas.request_ended import RequestEnded
from schemas.song_submitted import SongSubmitted
from streams.client import Client
from streams.ids import new_request_id, place_id
from streams.kafka import make_consumer
from streams.stage.dead_letters import REDRIVE_OF
from streams.topics import PARTITIONS
from tests.broker.conftest import Home

pytestmark = [pytest.mark.broker, pytest.mark.slow]
_SONGS = "bachata.song-submitted.v1"
_GARBAGE = b"\x00\xff\xfe\x1b[2J garbage \x9b31m"
_HEADERS = [
    ("x", b"\xff\x00"),
    ("reason", b"of the sender"),
    ("bachata.reason", b"of the sender"),
    ("\x1b[31mred", b"\x1b]0;title\x07"),
]


def _bootstrap(home: Home) -> str:
    return str(json.loads((home.folder / "run" / "kafka.json").read_text())["bootstrap"])


async def _send(bootstrap: str, topic: str, value: bytes, headers: Sequence[tuple[str, bytes]]) -> Any:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        return await producer.send_and_wait(topic, value, key=b"\xfe stranger", headers=list(headers))
    finally:
        await producer.stop()


async def _all_of(bootstrap: str, topic: str) -> list[Any]:
    consumer = make_consumer(bootstrap)
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends, found = await consumer.end_offsets(places), []
        while [place for place in places if await consumer.position(place) < ends[place]]:
            found += [m for batch in (await consumer.getmany(timeout_ms=200)).values() for m in batch]
        return found
    finally:
        await consumer.stop()


def _letters(home: Home, *arguments: str) -> list[dict[str, Any]]:
    answer = home.bachata("dead-letters", "list", *arguments)
    assert answer.status == 0, answer.said
    return list(answer.json["letters"])


def _letter(home: Home, id_: str) -> dict[str, Any]:
    """The letter, waited for."""
    deadline = monotonic() + 30
    while monotonic() < deadline:
        if found := [letter for letter in _letters(home, "--since", "10m") if letter["id"] == id_]:
            return found[0]
        sleep(0.2)
    raise AssertionError(f"no letter {id_}")


@pytest.fixture(scope="module")
def garbage(home: Home) -> dict[str, Any]:
    """The dead letter of an event that is none."""
    sent = asyncio.run(_send(_bootstrap(home), _SONGS, _GARBAGE, _HEADERS))
    return _letter(home, place_id(sent.topic, sent.partition, sent.offset, "intake"))


def test_a_letter_says_what_failed(home: Home, garbage: dict[str, Any]) -> None:
    said = ("topic", "step", "reason", "attempts", "redriven_at")
    assert [garbage[name] for name in said] == [_SONGS, "intake", "invalid_event", 0, None]
    found = _letters(home, "--topic", "song-submitted", "--reason", "invalid_event")
    assert garbage["id"] in [letter["id"] for letter in found]
    assert [letter["failed_at"] for letter in found] == sorted((x["failed_at"] for x in found), reverse=True)
    assert garbage["id"] not in [letter["id"] for letter in _letters(home, "--reason", "no_such_reason")]
    assert _letters(home, "--since", "2999-01-01T00:00") == []


def test_garbage_is_shown_whole_and_harmless(home: Home, garbage: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "value"
    shown = home.bachata("dead-letters", "show", garbage["id"][:14], "--value", file)
    assert b64decode(shown.json["value"]["base64"]) == file.read_bytes() == _GARBAGE
    assert b64decode(shown.json["key"]["base64"]) == b"\xfe stranger"
    headers = [(header["name"], b64decode(header["base64"])) for header in shown.json["headers"]]
    assert headers[: len(_HEADERS)] == _HEADERS
    command = [Path(sys.executable).with_name("bachata"), "dead-letters", "show", garbage["id"]]
    text = subprocess.run(command, env=home.env, capture_output=True, text=True, timeout=60, check=True).stdout
    assert all(c.isprintable() or c == "\n" for c in text)
    assert "67 61 72 62 61 67 65" in text


def test_garbage_sent_back_fails_again_byte_for_byte(home: Home, garbage: dict[str, Any]) -> None:
    answer = home.bachata("dead-letters", "redrive", garbage["id"])
    assert answer.json == {"redriven": 1, "ids": [garbage["id"]], "strays": [], "sent_before": 0}
    marker = (REDRIVE_OF, garbage["id"].encode())
    [again] = [m for m in asyncio.run(_all_of(_bootstrap(home), _SONGS)) if marker in m.headers]
    assert (again.key, again.value, list(again.headers)) == (b"\xfe stranger", _GARBAGE, [*_HEADERS, marker])
    new = _letter(home, place_id(_SONGS, again.partition, again.offset, "intake"))
    assert (new["reason"], new["redrive_of"]) == ("invalid_event", garbage["id"])
    assert _letter(home, garbage["id"])["redriven_at"] is not None


def test_a_letter_that_was_written_twice_is_one(home: Home, garbage: dict[str, Any]) -> None:
    """As after a crash between writing the letter and acking the event."""
    topic, marker = f"{_SONGS}.dlq", ("bachata.dead-letter-id", garbage["id"].encode())
    [letter] = [m for m in asyncio.run(_all_of(_bootstrap(home), topic)) if marker in m.headers]
    asyncio.run(_send(_bootstrap(home), topic, letter.value, letter.headers))
    assert [letter["id"] for letter in _letters(home)].count(garbage["id"]) == 1


def test_a_filter_leaves_out_what_was_sent_before(home: Home, garbage: dict[str, Any]) -> None:
    filters = ("--topic", "song-submitted", "--reason", "invalid_event", "--since", "10m")
    pending = {letter["id"] for letter in _letters(home, *filters) if letter["redriven_at"] is None}
    sent = home.bachata("dead-letters", "redrive", *filters).json
    assert pending <= set(sent["ids"])
    assert garbage["id"] not in sent["ids"]
    assert sent["sent_before"] >= 1


def test_a_letter_that_claims_another_topic_stays(home: Home) -> None:
    claims = [("__connect.errors.topic", b"bachata.rendered.v1"), ("bachata.dead-letter-id", b"stray")]
    before = len(asyncio.run(_all_of(_bootstrap(home), "bachata.rendered.v1")))
    asyncio.run(_send(_bootstrap(home), "bachata.moves-scored.v1.dlq", b"{}", claims))
    answer = home.bachata("dead-letters", "redrive", "stray")
    assert (answer.status, answer.json["reason"], answer.json["strays"]) == (1, "stray", ["stray"])
    assert len(asyncio.run(_all_of(_bootstrap(home), "bachata.rendered.v1"))) == before


async def test_a_song_whose_file_was_missing_is_accepted_once_it_is_there(home: Home, demo_song: Path) -> None:
    file = home.folder / "songs" / "late.mp3"
    file.parent.mkdir(exist_ok=True)
    request = SongSubmitted(
        source=Source(path=str(file)),
        request_id=new_request_id(),
        options=Options(duration="30s", quality="fast"),
    )
    failed = await asyncio.wait_for(_outcome(home, request), 60)
    assert (failed.reason, failed.step) == ("not_found", "intake")
    shutil.copyfile(demo_song, file)
    sent = await asyncio.to_thread(home.bachata, "dead-letters", "redrive", str(failed.dead_letter_id))
    assert sent.json["redriven"] == 1, sent.said
    accepted = await asyncio.wait_for(_accepted(home, str(request.request_id)), 60)
    same = [m for m in await _all_of(_bootstrap(home), _SONGS) if m.value == request.model_dump_json().encode()]
    first, second = sorted(same, key=lambda message: message.offset)
    assert dict(first.headers)["ce_id"] == dict(second.headers)["ce_id"] == dict(accepted.headers)["ce_causationid"]
    assert dict(second.headers)[REDRIVE_OF].decode() == failed.dead_letter_id
    assert [pair for pair in second.headers if pair[0] != REDRIVE_OF] == list(first.headers)


async def _outcome(home: Home, request: SongSubmitted) -> RequestEnded:
    async with Client(_bootstrap(home)) as client:
        await client.submit(request)
        [result] = (await client.wait([str(request.request_id)])).values()
    assert result.ended is not None
    return result.ended


async def _accepted(home: Home, request_id: str) -> Any:
    while True:
        for message in await _all_of(_bootstrap(home), "bachata.song-accepted.v1"):
            if json.loads(message.value)["request_id"] == request_id:
                return message
        await asyncio.sleep(0.2)
