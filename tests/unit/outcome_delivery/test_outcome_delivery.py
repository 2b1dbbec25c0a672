"""The delivery of outcomes: the step with its wrapper, and a real receiver that fails and comes back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agents.outcome_delivery.agent import STEP, message_id
from infra.webhook import Webhook
from schemas.request_ended import RequestEnded
from streams.envelope import Record, event_headers
from streams.stage import retry
from streams.stage.runners import ThreadRunner
from streams.testing import InMemoryBroker, InMemoryResults, make_stage, tools_below
from streams.topics import PROGRESS, REQUEST_ENDED
from tests.unit.infra.receiver import CLOSE, HANG, SLOW, answer, receiver

_OUTCOME = RequestEnded(
    request_id="r1", subject="Canción", step="intake", outcome="failed", reason="silence", error="the audio is silent"
)


def _record(event_id: str = "e1", offset: int = 0) -> Record:
    headers = event_headers(REQUEST_ENDED, "/agents/intake", event_id, "r1")
    return Record(REQUEST_ENDED.full_name, 1, offset, b"r1", _OUTCOME.model_dump_json().encode(), headers)


async def _delivered(
    url: str, *records: Record, results: InMemoryResults | None = None, timeout_s: float = 10.0
) -> InMemoryBroker:
    """Process the records, and return what was published meanwhile."""
    webhook = Webhook(url, (b"k" * 24,), allow_private=True, timeout_s=timeout_s)
    tools, broker = tools_below(Path(), webhook=webhook), InMemoryBroker()
    stage = make_stage(STEP, tools, broker, results, run=ThreadRunner(tools).run)
    for record in records:
        await stage.handle(record)
    return broker


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the waits between attempts, which take no time."""
    waits = list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(retry, "asyncio", SimpleNamespace(sleep=sleep))
    return waits


async def test_an_outcome_is_delivered_as_a_cloud_event_of_its_topic() -> None:
    with receiver() as found:
        broker = await _delivered(found.url, _record())
    [request] = found.received
    event = json.loads(request.body)
    assert event.pop("time")[:3] == "202"
    assert event == {
        "specversion": "1.0",
        "id": "e1",
        "source": "/agents/intake",
        "type": "bachata.request-ended.v1",
        "correlationid": "r1",
        "datacontenttype": "application/json",
        "data": _OUTCOME.model_dump(mode="json"),
    }
    assert request.headers["webhook-id"] == "e1"
    assert {progress.subject for progress in broker.payloads(PROGRESS)} == {"Canción"}
    assert {message.topic for message in broker.records} <= {PROGRESS.full_name}


async def test_an_event_that_comes_twice_is_delivered_once() -> None:
    results = InMemoryResults()
    with receiver() as found:
        await _delivered(found.url, _record(), _record(), results=results)
        await _delivered(found.url, _record(offset=5), results=results)
        assert len(found.received) == 1
        await _delivered(found.url, _record("e2"), results=results)
    assert [request.headers["webhook-id"] for request in found.received] == ["e1", "e2"]


async def test_a_receiver_that_fails_hangs_or_is_slow_and_then_works_gets_the_same_message(slept: list[float]) -> None:
    plan: list[bytes | str] = [answer(500), HANG, CLOSE, SLOW, answer(503, "Retry-After: 700"), answer(429)]
    with receiver(*plan) as found:
        broker = await _delivered(found.url, _record(), timeout_s=1.0)
    assert {message.topic for message in broker.records} <= {PROGRESS.full_name}
    assert len(found.received) == 7
    assert {request.headers["webhook-id"] for request in found.received} == {"e1"}
    assert len({request.body for request in found.received}) == 1
    longest = [1.0, 2.0, 4.0, 8.0, 700.0, 32.0]
    assert all(limit / 2 <= wait <= limit for wait, limit in zip(slept, longest, strict=True))
    assert slept[4] == 700.0


async def test_the_whole_schedule_takes_24_to_47_minutes_and_ends_as_a_dead_letter(slept: list[float]) -> None:
    with receiver(*[answer(500)] * 20) as found:
        broker = await _delivered(found.url, _record())
        assert len(found.received) == 14
    assert 23.5 * 60 < sum(slept) < 47.1 * 60
    [letter] = broker.dead_letters(REQUEST_ENDED)
    headers = dict(letter.headers)
    assert (headers["bachata.reason"], headers["bachata.attempts"]) == (b"webhook_away", b"14")
    assert (headers["ce_id"], letter.value) == (b"e1", _record().value)
    assert broker.ended == []


@pytest.mark.parametrize("status", [404, 410, 302])
async def test_a_refusal_is_a_dead_letter_at_once_and_ends_no_request(status: int, slept: list[float]) -> None:
    with receiver(answer(status)) as found:
        broker = await _delivered(found.url, _record())
        assert len(found.received) == 1
    [letter] = broker.dead_letters(REQUEST_ENDED)
    assert dict(letter.headers)["bachata.reason"] == b"webhook_refuses"
    assert (broker.ended, slept) == ([], [])


async def test_an_outcome_that_comes_twice_and_is_refused_has_one_dead_letter_id() -> None:
    repeated = replace(
        _record(offset=5), value=_OUTCOME.model_copy(update={"error": "other words"}).model_dump_json().encode()
    )
    with receiver(answer(404), answer(404), answer(404)) as found:
        broker = await _delivered(found.url, _record(), repeated, _record("e2", offset=6))
    ids = [dict(letter.headers)["bachata.dead-letter-id"] for letter in broker.dead_letters(REQUEST_ENDED)]
    assert ids[0] == ids[1] != ids[2]


async def test_a_dead_letter_that_is_sent_again_is_delivered_with_its_id() -> None:
    results = InMemoryResults()
    with receiver(answer(404)) as found:
        broker = await _delivered(found.url, _record(), results=results)
        [letter] = broker.dead_letters(REQUEST_ENDED)
        again = Record(REQUEST_ENDED.full_name, 1, 9, letter.key, letter.value, letter.headers)
        assert not (await _delivered(found.url, again, results=results)).dead_letters(REQUEST_ENDED)
    assert [request.headers["webhook-id"] for request in found.received] == ["e1", "e1"]


@pytest.mark.parametrize("value", [None, b"", b"{}", b'{"request_id": "r1"}', b"[" * 100_000])
async def test_a_record_that_is_no_outcome_is_not_delivered(value: Any) -> None:
    with receiver() as found:
        broker = await _delivered(found.url, replace(_record(), value=value))
        assert found.connections == 0
    assert len(broker.dead_letters(REQUEST_ENDED)) == 1


async def test_attributes_that_strangers_write_do_not_reach_the_headers() -> None:
    hostile = [("ce_id", b"x.1.{}\r\nHost: evil"), ("ce_source", b""), ("ce_time", b"now\r\n")]
    structured = {
        "specversion": "1.0",
        "source": "/x",
        "time": "2026-11-30T08:00:00Z",
        "data": _OUTCOME.model_dump(mode="json"),
    }
    headers = [("content-type", b"application/cloudevents+json")]
    with receiver() as found:
        await _delivered(found.url, replace(_record(), headers=hostile))
        value = json.dumps(structured).encode()
        await _delivered(found.url, replace(_record(), headers=headers, value=value))
    first, second = (json.loads(request.body) for request in found.received)
    assert (first["source"], first.get("time")) == ("/", None)
    assert (second["source"], second["time"]) == ("/x", "2026-11-30T08:00:00Z")
    for request in found.received:
        assert message_id(request.headers["webhook-id"]) == request.headers["webhook-id"]
    assert first["id"] == "x.1.{}\r\nHost: evil"
    assert second["id"] != ""


def test_without_a_webhook_the_step_is_not_available() -> None:
    assert not STEP.is_available(tools_below(Path()))
    assert STEP.is_available(tools_below(Path(), webhook=Webhook("https://example.org/", (b"k" * 24,))))
