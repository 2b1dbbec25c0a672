"""Requests that are cancelled or held, with the real stage, view and agent on a broker in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition

from agents.step import Step, Tools
from schemas.base import MediaFacts, Model, Source
from schemas.request_control import RequestControl
from schemas.request_ended import Ending, RequestEnded
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted
from streams.control.agent import ControlAgent
from streams.control.controls import WorkerControls
from streams.control.decisions import Decisions
from streams.envelope import Message, Record
from streams.log_position import Position
from streams.stage.operations import Operations
from streams.stage.runners import AnyStep, CompletedWork, Report
from streams.stage.stage import Stage
from streams.testing import InMemoryBroker, InMemoryResults, make_stage, record_of_event, tools_below
from streams.topics import HELD_EVENTS, PROGRESS, REQUEST_CONTROL, REQUEST_DECISIONS, SONG_ACCEPTED, SONG_SUBMITTED
from streams.views.control_store import CONTROL_TOPICS, ControlStore
from tests.song_requests import accepting_step, facts_of

_SONG = SongSubmitted(source=Source(sha256="a" * 64), request_id="r", title="Luna")


@dataclass
class _World:
    """A broker, and a worker's view of the controls, which is updated when `caught_up` is called."""

    store: ControlStore
    broker: InMemoryBroker = field(default_factory=InMemoryBroker)
    results: InMemoryResults = field(default_factory=InMemoryResults)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    discarded: list[Any] = field(default_factory=list)
    work_s: float = 0.0
    known: set[str] = field(default_factory=lambda: {"r"})
    ended: set[str] = field(default_factory=set)  # without a decision
    _applied: int = 0
    _offsets: int = 0

    def __post_init__(self) -> None:
        decisions = Decisions(self.store, self, self.broker, Operations())
        self.controls = WorkerControls(decisions)
        self.agent = ControlAgent(decisions, self)

    def subject(self, request_id: str) -> str | None:
        return "Luna" if request_id in self.known else None

    def has_ended(self, request_id: str) -> bool:
        return request_id in self.ended

    async def caught_up(self) -> None:
        records = [_record(message, offset) for offset, message in enumerate(self.broker.records)]
        new = [record for record in records[self._applied :] if record.topic in CONTROL_TOPICS]
        self._applied = len(records)
        self.store.apply(new, {TopicPartition("t", 0): Position(self._applied)})
        self.controls.changed()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self.caught_up()

    def stage(self) -> Stage:
        async def run(step: AnyStep, work_input: Model, report: Report) -> CompletedWork:
            report(0.0)
            self.started.set()
            await asyncio.sleep(self.work_s)
            return CompletedWork(step.work(work_input, None).model_dump_json(), 0.0, 0)  # type: ignore[arg-type]

        tools = tools_below(Path())
        return make_stage(self._step(), tools, self.broker, self.results, run=run, controls=self.controls, observers=())

    def _step(self) -> AnyStep:
        def work(source: Source, tools: Tools) -> MediaFacts:
            return facts_of(str(source.sha256))

        def emit(event: SongSubmitted, song: MediaFacts) -> SongAccepted:
            return SongAccepted(request_id=str(event.request_id), song=song, title="Luna", options=event.options)

        def discard(source: Source, tools: Tools, since: float) -> None:
            self.discarded.append(source)

        return accepting_step("here", work, emit, discard=discard, ending=lambda event: Ending())

    async def send(self, action: str, request_id: str = "r") -> None:
        """Send an event to the control agent, and let the worker learn of what follows."""
        event = RequestControl(request_id=request_id, action=action)  # type: ignore[arg-type]
        await self.agent.deliver([await self.agent.prepare(record_of_event(event, offset=self._offsets))])
        self._offsets += 1
        await self.caught_up()

    @property
    def outcomes(self) -> list[str]:
        """Return the outcomes of the request."""
        return [ended.outcome for ended in self.broker.ended]


def _record(message: Message, offset: int) -> Record:
    return Record(message.topic, 0, offset, message.key, message.value, message.headers)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[_World]:
    store = ControlStore(tmp_path / "controls")
    yield _World(store)
    store.close()


async def test_a_request_that_waits_is_cancelled_at_once_and_its_event_has_no_effect(world: _World) -> None:
    await world.send("cancel")
    assert world.outcomes == ["cancelled"]
    assert world.broker.ended[0].subject == "Luna"
    await world.stage().handle(record_of_event(_SONG))
    assert world.outcomes == ["cancelled"]
    assert not world.broker.payloads(SONG_ACCEPTED)
    assert world.results.stored == {}


async def test_the_outcome_of_a_cancelled_or_held_request_is_delivered(world: _World) -> None:
    await world.send("hold")
    await world.send("cancel")
    delivered = list[str]()

    def deliver(source: Source, tools: Tools) -> Source:
        delivered.append(str(source.path))
        return source

    step: AnyStep = Step(
        name="delivery",
        version="1",
        consumes=RequestEnded,
        result=Source,
        produces=None,
        depends_on=lambda ended, tools: Source(path=ended.outcome),
        takes=Source,
        work=deliver,
        subject=lambda ended, _: ended.request_id,
    )
    stage = make_stage(step, tools_below(Path()), world.broker, controls=world.controls, observers=())
    await stage.handle(record_of_event(world.broker.ended[0]))
    assert delivered == ["cancelled"]


async def test_work_in_progress_is_stopped_and_what_it_left_is_removed(world: _World) -> None:
    world.work_s = 600
    working = asyncio.create_task(world.stage().handle(record_of_event(_SONG)))
    await world.started.wait()
    await world.send("cancel")
    async with asyncio.timeout(60):
        await working
    assert world.outcomes == ["cancelled"]
    assert world.discarded == [_SONG.source]
    assert world.results.stored == {}


async def test_a_request_that_was_cancelled_before_its_outcome_is_written_is_not_done(world: _World) -> None:
    stage = world.stage()
    output = await stage.prepare(record_of_event(_SONG))
    await world.send("cancel")
    await stage.deliver([output])
    assert world.outcomes == ["cancelled"]
    assert not world.broker.payloads(SONG_ACCEPTED)
    assert world.discarded == [_SONG.source]
    assert world.results.stored == {}
    assert stage.pending_results == {}


async def test_a_request_that_has_ended_is_not_cancelled_and_progress_says_so(world: _World) -> None:
    await world.stage().handle(record_of_event(_SONG))
    await world.send("cancel")
    assert world.outcomes == ["done"]
    [late] = world.broker.payloads(PROGRESS)
    assert (late.step, late.state, late.reason) == ("request_control", "done", "already_ended")
    assert world.discarded == []


async def test_an_event_delivered_again_after_the_outcome_and_a_late_cancel_has_the_same_outcome(
    world: _World,
) -> None:
    await world.stage().handle(record_of_event(_SONG))
    await world.send("cancel")
    await world.stage().handle(record_of_event(_SONG))
    assert set(world.outcomes) == {"done"}


async def test_the_file_of_another_request_for_the_same_song_is_not_removed(world: _World) -> None:
    stage = world.stage()
    await stage.handle(record_of_event(_SONG))
    second = await stage.prepare(record_of_event(_SONG.model_copy(update={"request_id": "r2"}), offset=1))
    await world.send("cancel", "r2")
    await stage.deliver([second])
    assert world.outcomes == ["done", "cancelled"]
    assert world.discarded == []


async def test_a_result_that_another_request_is_about_to_use_is_not_removed(world: _World) -> None:
    stage = world.stage()
    first = await stage.prepare(record_of_event(_SONG))
    cancelled = world.controls.cancelled
    second: list[Any] = []

    async def prepare_another_first(request_ids: Any) -> Any:
        found = await cancelled(request_ids)
        if not second:
            request = _SONG.model_copy(update={"request_id": "r2"})
            second.append(await stage.prepare(record_of_event(request, offset=1)))
        return found

    world.controls.cancelled = prepare_another_first  # type: ignore[method-assign]
    await world.send("cancel")
    await stage.deliver([first])
    await stage.deliver(second)
    assert world.outcomes == ["cancelled", "done"]
    assert world.discarded == []
    assert stage.uses == {}


async def test_a_request_that_ended_before_there_were_decisions_is_not_cancelled(world: _World) -> None:
    world.ended.add("r")
    await world.send("cancel")
    assert world.outcomes == []
    assert [late.reason for late in world.broker.payloads(PROGRESS)] == ["already_ended"]


async def test_cancelling_twice_repeats_the_same_outcome(world: _World) -> None:
    await world.send("cancel")
    await world.send("cancel")
    messages = [message for message in world.broker.records if b"cancelled" in (message.value or b"")]
    assert len({(dict(message.headers)["ce_id"], message.value) for message in messages}) == 1


async def test_a_failed_event_of_a_cancelled_request_has_no_dead_letter(world: _World) -> None:
    await world.send("cancel", "e1")
    record = Record(SONG_SUBMITTED.full_name, 0, 0, None, b"garbage", [("ce_id", b"e1")])
    await world.stage().handle(record)
    assert world.outcomes == ["cancelled"]
    assert world.broker.dead_letters(SONG_SUBMITTED) == []


async def test_a_held_request_is_set_aside_until_it_is_resumed(world: _World) -> None:
    await world.send("hold")
    record = Record(
        SONG_SUBMITTED.full_name, 2, 7, b"key", _SONG.model_dump_json().encode(), [("ce_id", b"e1"), ("other", b"\xff")]
    )
    await world.stage().handle(record)
    assert not world.started.is_set()
    assert world.outcomes == []
    await world.send("resume")
    [released] = world.broker.messages_on(SONG_SUBMITTED.full_name)
    assert (released.key, released.value, dict(released.headers)["other"]) == (b"key", record.value, b"\xff")
    assert released.partition == 2
    await world.stage().handle(_record(released, 9))
    assert world.outcomes == ["done"]
    assert world.store.held_events("r") == {}


async def test_an_event_that_was_resumed_while_it_was_set_aside_is_worked_on(world: _World) -> None:
    await world.send("hold")
    publish = world.broker.publish

    async def resume_first(*messages: Message) -> None:
        world.broker.publish = publish  # type: ignore[method-assign]
        await world.send("resume")
        await publish(*messages)

    world.broker.publish = resume_first  # type: ignore[method-assign]
    await world.stage().handle(record_of_event(_SONG))
    assert world.outcomes == ["done"]


async def test_a_held_request_can_be_cancelled(world: _World) -> None:
    await world.send("hold")
    await world.stage().handle(record_of_event(_SONG))
    await world.send("cancel")
    await world.send("resume")
    assert world.outcomes == ["cancelled"]
    assert world.broker.messages_on(SONG_SUBMITTED.full_name) == []


async def test_two_releases_of_an_event_fail_with_one_dead_letter_id(world: _World) -> None:
    await world.send("hold")
    poison = _SONG.model_copy(update={"source": Source(sha256="b" * 64)})
    stage = world.stage()
    await stage.handle(record_of_event(poison, offset=5))
    await world.caught_up()
    [released] = world.store.held_events("r").values()
    for offset in (8, 9):
        value = (released.value or b"")[:-1]  # not JSON any more
        await stage.handle(Record(released.topic, 0, offset, released.key, value, released.headers))
    ids = {dict(letter.headers)["bachata.dead-letter-id"] for letter in world.broker.dead_letters(SONG_SUBMITTED)}
    assert len(ids) == 1


async def test_an_event_that_is_not_valid_becomes_a_dead_letter(world: _World) -> None:
    record = Record(REQUEST_CONTROL.full_name, 0, 0, b"r", b'{"request_id": "r", "action": "stop"}')
    await world.agent.deliver([await world.agent.prepare(record)])
    [letter] = world.broker.dead_letters(REQUEST_CONTROL)
    assert letter.value == record.value
    assert world.outcomes == []


async def test_events_with_the_same_header_of_a_held_event_are_all_set_aside(world: _World) -> None:
    await world.send("hold")
    for offset in (1, 2):
        await world.stage().handle(record_of_event(_SONG, offset=offset, headers=[("bachata.held-at", b"0:7:1")]))
    await world.caught_up()
    assert len(world.store.held_events("r")) == 2


_HOSTILE = [
    (REQUEST_DECISIONS, b"r", b"cancel \xff", []),
    (REQUEST_DECISIONS, b"r", b"cancel", []),
    (REQUEST_DECISIONS, b"r", b"cancel ", []),
    (REQUEST_DECISIONS, b"r", b"cancel " + b"x" * 10_000, []),
    (REQUEST_DECISIONS, b"r", b"whatever", []),
    (REQUEST_DECISIONS, b"r", None, []),
    (REQUEST_DECISIONS, None, b"end", []),
    (REQUEST_DECISIONS, b"\xff", b"end", []),
    (REQUEST_DECISIONS, b"r/x", b"end", []),
    (HELD_EVENTS, b"r/t/1", b"{}", []),
    (HELD_EVENTS, b"r/t/1", b"{}", [("bachata.held-topic", b"\xff")]),
    (HELD_EVENTS, b"r/t/1", b"{}", [("bachata.held-topic", b"of-somebody-else")]),
    (HELD_EVENTS, b"r/t/\xff", b"{}", [("bachata.held-topic", SONG_SUBMITTED.full_name.encode())]),
    (HELD_EVENTS, b"\xff/t/1", b"{}", [("bachata.held-topic", SONG_SUBMITTED.full_name.encode())]),
    (HELD_EVENTS, None, None, []),
]


@pytest.mark.parametrize(("topic", "key", "value", "headers"), _HOSTILE)
async def test_a_record_of_a_stranger_on_an_internal_topic_is_left_out(
    world: _World, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    world.broker.records.append(Message(topic, key, value, headers))
    await world.caught_up()
    await world.send("hold")
    await world.send("resume")
    assert [message.topic for message in world.broker.records if message.topic == "of-somebody-else"] == []
    await world.stage().handle(record_of_event(_SONG))
    assert world.outcomes == ["done"]
