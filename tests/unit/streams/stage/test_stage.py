"""The stage wrapper by itself: what it writes, in which order, and that nothing but cancellation escapes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from agents.step import Step, Tools
from schemas.base import MediaFacts, Options, Source
from schemas.faults import Poison, Retryable
from schemas.progress import Progress
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted
from streams.envelope import Message, Record
from streams.stage import stage as stage_module
from streams.stage.dead_letters import letter_id
from streams.stage.stage import ATTEMPTS, Stage, in_thread
from streams.topics import MAX_MESSAGE_BYTES, PROGRESS, topic_of

_SHA = "b" * 64
_FACTS = MediaFacts(sha256=_SHA, size_bytes=9, kind="audio", format="mp3", codec="mp3", duration_s=60.0)
_SOURCE = topic_of(SongSubmitted)
_SINK = topic_of(SongAccepted)


@dataclass
class Broker:
    """Keeps what is published; fails first as often as told."""

    records: list[Message] = field(default_factory=list)
    failures: int = 0

    async def publish(self, *messages: Message) -> None:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the broker is away")
        self.records += messages

    def on(self, topic: str) -> list[Message]:
        return [record for record in self.records if record[0] == topic]

    def outcomes(self) -> list[Progress]:
        said = [Progress.model_validate_json(value or b"") for _, _, value, _ in self.on(PROGRESS.full_name)]
        return [progress for progress in said if progress.outcome]


@dataclass
class Memory:
    """Remembers in a dict."""

    known: dict[str, str] = field(default_factory=dict)

    def get(self, partition: int, key: str) -> str | None:
        return self.known.get(key)

    async def put(self, partition: int, results: Mapping[str, str]) -> None:
        await asyncio.sleep(0)
        self.known.update(results)


class Work:
    """Does what it is told, and counts."""

    def __init__(self, *plan: Exception | None) -> None:
        self.plan = list(plan)
        self.calls = 0

    def __call__(self, event: SongSubmitted, tools: Tools) -> MediaFacts:
        self.calls += 1
        tools.report(0.5)
        fault = self.plan.pop(0) if self.plan else None
        if fault is not None:
            raise fault
        return _FACTS


def _emit(event: SongSubmitted, result: MediaFacts) -> SongAccepted:
    return SongAccepted(request_id=str(event.request_id), song=result, title="t", options=event.options)


def _stage(work: Callable[..., MediaFacts], broker: Broker, memory: Memory, **changes: Any) -> Stage:
    tools = Tools(
        media=object(),  # type: ignore[arg-type]
        cache_dir=Path(),
        output_dir=Path(),
        allowed_roots=(),
        pose_model=Path(),
    )
    step: Step[Any, Any, Any] = Step(
        name="intake",
        version="1",
        consumes=SongSubmitted,
        result=MediaFacts,
        produces=SongAccepted,
        known_by=lambda event, _: {"sha256": event.source.sha256},
        work=work,
        key=lambda event: event.song.sha256,
        place="worker",
        **{"emit": _emit, **changes},
    )
    return Stage(step, tools, broker, memory, in_thread(tools))


def _record(value: bytes | None = None, offset: int = 3, request_id: str | None = "r1") -> Record:
    event = SongSubmitted(source=Source(sha256=_SHA), request_id=request_id, options=Options())
    return Record(_SOURCE.full_name, 1, offset, b"k", value or event.model_dump_json().encode(), [("ce_id", b"e1")])


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "_BACKOFF_S", 0.001)


async def test_a_good_event_leads_to_one_event_and_is_remembered() -> None:
    broker, memory, work = Broker(), Memory(), Work()
    await _stage(work, broker, memory).handle(_record())
    [(_, key, value, headers)] = broker.on(_SINK.full_name)
    assert key == _SHA.encode()
    assert SongAccepted.model_validate_json(value or b"").song == _FACTS
    assert dict(headers)["ce_causationid"] == b"e1"
    assert list(memory.known.values()) == [_FACTS.model_dump_json()]


async def test_what_cannot_be_said_is_a_dead_letter_and_the_work_is_remembered() -> None:
    broker, memory, work = Broker(), Memory(), Work()
    refusing = [True]

    def emit(event: SongSubmitted, result: MediaFacts) -> SongAccepted:
        if refusing:
            raise Poison("this cannot be asked of the song", "bad_corrections")
        return _emit(event, result)

    stage = _stage(work, broker, memory, emit=emit)
    await stage.handle(_record())
    assert len(broker.on(_SOURCE.dead_letter_name)) == 1
    assert list(memory.known.values()) == [_FACTS.model_dump_json()]
    assert not stage.unwritten
    refusing.clear()
    await stage.handle(_record(offset=4))
    assert len(broker.on(_SINK.full_name)) == 1
    assert work.calls == 1


async def test_the_same_event_again_has_the_same_id_and_is_not_worked_on() -> None:
    broker, memory, work = Broker(), Memory(), Work()
    stage = _stage(work, broker, memory)
    await stage.handle(_record())
    await stage.handle(_record())
    first, second = (dict(headers) for *_, headers in broker.on(_SINK.full_name))
    assert first["ce_id"] == second["ce_id"]
    assert work.calls == 1


async def test_another_request_for_the_same_work_has_its_own_event() -> None:
    broker, memory, work = Broker(), Memory(), Work()
    stage = _stage(work, broker, memory)
    await stage.handle(_record())
    await stage.handle(_record(request_id="r2", offset=4))
    first, second = (dict(headers) for *_, headers in broker.on(_SINK.full_name))
    assert first["ce_id"] != second["ce_id"]
    assert work.calls == 1


async def test_a_result_that_does_not_hold_any_more_is_made_again() -> None:
    broker, memory, work = Broker(), Memory(), Work()
    stage = _stage(work, broker, memory, holds=lambda result, tools: False)
    await stage.handle(_record())
    await stage.handle(_record())
    assert work.calls == 2


async def test_an_event_without_a_request_id_goes_by_its_own_id() -> None:
    broker = Broker()
    await _stage(Work(), broker, Memory()).handle(_record(request_id=None))
    [(_, _, value, _)] = broker.on(_SINK.full_name)
    assert SongAccepted.model_validate_json(value or b"").request_id == "e1"


@pytest.mark.parametrize("ce_id", [b"a/b c", b"x" * 600, b"", b"\xff\xfe"])
async def test_an_event_id_that_is_no_request_id_gives_way_to_ours(ce_id: bytes) -> None:
    broker = Broker()
    bare = _record(request_id=None)
    record = replace(bare, headers=[("ce_id", ce_id)])
    await _stage(Work(), broker, Memory()).handle(record)
    [(_, _, value, _)] = broker.on(_SINK.full_name)
    assert SongAccepted.model_validate_json(value or b"").request_id == letter_id(record)


async def test_the_sender_of_an_invalid_request_sees_its_outcome() -> None:
    broker = Broker()
    value = json.dumps({"source": {"sha256": _SHA}, "request_id": "my-1", "options": {"duration": "2min"}}).encode()
    await _stage(Work(), broker, Memory()).handle(_record(value))
    [outcome] = broker.outcomes()
    assert (outcome.request_id, outcome.outcome, outcome.reason) == ("my-1", "failed", "invalid_event")


async def test_a_defect_outside_the_work_is_buried_too() -> None:
    def emit(event: SongSubmitted, result: MediaFacts) -> SongAccepted:
        raise KeyError("a defect")

    broker = Broker()
    stage = _stage(Work(), broker, Memory())
    await replace(stage, step=replace(stage.step, emit=emit)).handle(_record())
    assert len(broker.on(_SOURCE.dead_letter_name)) == 1
    assert [outcome.reason for outcome in broker.outcomes()] == ["unexpected"]


async def test_an_event_too_large_for_its_topic_is_buried() -> None:
    def emit(event: SongSubmitted, result: MediaFacts) -> SongAccepted:
        return SongAccepted.model_construct(request_id="r1", song=result, title="t" * MAX_MESSAGE_BYTES)

    broker = Broker()
    stage = _stage(Work(), broker, Memory())
    await replace(stage, step=replace(stage.step, emit=emit)).handle(_record())
    assert [outcome.reason for outcome in broker.outcomes()] == ["too_large"]


async def test_a_remembered_result_that_cannot_be_read_is_made_again() -> None:
    broker, memory, work = Broker(), Memory(), Work()
    stage = _stage(work, broker, memory)
    await stage.handle(_record())
    memory.known = dict.fromkeys(memory.known, '{"of": "an older shape"}')
    await stage.handle(_record())
    assert work.calls == 2
    assert not broker.on(_SOURCE.dead_letter_name)


async def test_poison_goes_to_the_dead_letters_at_once_byte_for_byte() -> None:
    broker, work = Broker(), Work(Poison("no audio in it", reason="no_audio"))
    record = _record()
    await _stage(work, broker, Memory()).handle(record)
    [(_, key, value, headers)] = broker.on(_SOURCE.dead_letter_name)
    assert (key, value) == (record.key, record.value)
    said = dict(headers)
    assert said["__connect.errors.exception.message"] == b"no audio in it"
    assert said["__connect.errors.offset"] == b"3"
    assert said["attempts"] == b"1"
    assert work.calls == 1
    assert not broker.on(_SINK.full_name)
    [outcome] = broker.outcomes()
    assert (outcome.outcome, outcome.reason) == ("failed", "no_audio")
    assert outcome.dead_letter_id == said["dead-letter-id"].decode()


@pytest.mark.parametrize("value", [b"\x00\xff garbage", b"{}", b"[1]", b"null", b"[" * 100_000])
async def test_bytes_that_are_no_event_are_kept_and_told_of(value: bytes) -> None:
    broker, work = Broker(), Work()
    await _stage(work, broker, Memory()).handle(_record(value))
    [(_, _, kept, _)] = broker.on(_SOURCE.dead_letter_name)
    assert kept == value
    assert [outcome.outcome for outcome in broker.outcomes()] == ["failed"]
    assert work.calls == 0


async def test_a_passing_fault_is_tried_again() -> None:
    broker, work = Broker(), Work(Retryable("busy"), ValueError("odd"), None)
    await _stage(work, broker, Memory()).handle(_record())
    assert work.calls == 3
    assert len(broker.on(_SINK.full_name)) == 1
    assert not broker.on(_SOURCE.dead_letter_name)


async def test_a_fault_that_does_not_pass_ends_in_the_dead_letters() -> None:
    broker, work = Broker(), Work(*[Retryable("busy", reason="busy")] * 10)
    await _stage(work, broker, Memory()).handle(_record())
    assert work.calls == ATTEMPTS
    [(*_, headers)] = broker.on(_SOURCE.dead_letter_name)
    assert dict(headers)["attempts"] == str(ATTEMPTS).encode()


async def test_a_broker_that_is_away_for_a_while_loses_nothing() -> None:
    broker = Broker(failures=5)
    await _stage(Work(), broker, Memory()).handle(_record())
    assert len(broker.on(_SINK.full_name)) == 1


async def test_cancelled_work_leaves_the_event_to_come_again() -> None:
    broker = Broker()
    stage = _stage(Work(*[Retryable("busy")] * 10), broker, Memory())
    task = asyncio.create_task(stage.handle(_record()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not broker.on(_SINK.full_name)
    assert not broker.on(_SOURCE.dead_letter_name)


async def test_the_last_step_tells_the_outcome_once() -> None:
    broker = Broker()
    await _stage(Work(), broker, Memory(), ends=True).handle(_record())
    assert [outcome.outcome for outcome in broker.outcomes()] == ["done"]
