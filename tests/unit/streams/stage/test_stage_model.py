"""A model of one partition whose worker may stop at every await: every event must still have exactly one effect.

The real loop of `add_agent`, `Stage`, `Outbox` and `InFlight` run on a broker and a table that are lists. Every await
there is a point at which a worker may stop: by a kill, after which only written data is left, or by a rebalance, after
which the same stage continues. A publish or put that is interrupted has written some of its records, or all. Some
messages and results are refused permanently, by the client before anything is written, or by the broker afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.step import Step, Tools
from schemas.base import MediaFacts, Source
from schemas.faults import Poison
from schemas.request_ended import Ending, RequestEnded
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted
from streams.envelope import REPLAY_OF, Message
from streams.replay_limit import limit_headers
from streams.stage import event_run, retry
from streams.stage import stage as stage_module
from streams.stage.in_flight import InFlight
from streams.stage.progress import ProgressReporter
from streams.stage.runners import CompletedWork
from streams.stage.stage import Stage
from streams.testing import tools_below
from streams.topics import REQUEST_ENDED, topic_of
from streams.worker.faust_app import add_agent
from tests.quality.report import Goal, figure
from tests.song_requests import SongRequest, accepting_step, facts_of, raise_fault_of

_SOURCE, _SINK = topic_of(SongSubmitted), topic_of(SongAccepted)
_TIMEOUT_S = 60.0
_RUNS = 10_000
_KINDS = (
    *("good", "poison work", "too large", "flaky 1", "flaky 3", "flaky 9", "garbage", "null", "replay to here"),
    *("refused event", "refused result", "refused letter"),
)


class SentEvent(SongRequest):
    """A submitted event, which may be unreadable."""

    @property
    def value(self) -> bytes | None:
        """Return the event as bytes."""
        if self.kind == "null":
            return None
        if self.kind in ("garbage", "refused letter"):
            return b"\xff %s %d" % (self.kind.encode(), self.song)
        return super().value


@dataclass(frozen=True)
class Stop:
    """The point at which a worker stops, and whether by a kill or by a rebalance."""

    point: int
    kill: bool


@dataclass
class World:
    """The state that is left when a worker stops."""

    inputs: list[SentEvent]
    faults: frozenset[int]  # the numbers of the writes, counted through all workers, that fail once
    log: list[Message] = field(default_factory=list)
    results: dict[str, str] = field(default_factory=dict)
    committed: int = 0
    writes: int = 0
    worked: int = 0
    attempts: dict[str, int] = field(default_factory=dict)  # calls of work, by sha256
    errors: list[str] = field(default_factory=list)

    def on(self, topic: str) -> list[Message]:
        return [message for message in self.log if message.topic == topic]

    def ack(self, offset: int) -> None:
        if offset != self.committed:
            self.errors.append(f"{offset} is acked instead of {self.committed}")
        if not self._has_effect(offset):
            self.errors.append(f"{offset} is acked before its effect is written")
        self.committed = offset + 1

    def _has_effect(self, offset: int) -> bool:
        sent = self.inputs[offset]
        if sent.kind == "replay to here":
            return True
        if any(_request(out) == sent.request_id for out in self.on(_SINK.full_name)):
            return any(sent.sha256 in result for result in self.results.values())
        if sent.kind in ("refused event", "refused letter", "refused result") and not self._has_outcome(sent):
            return False
        return any(_offset(letter) == offset for letter in self.on(_SOURCE.dead_letter_name))

    def _has_outcome(self, sent: SentEvent) -> bool:
        failed = [message for message in self.on(REQUEST_ENDED.full_name) if b'"failed"' in (message.value or b"")]
        return any(_request(message) == sent.request_id or sent.kind == "refused letter" for message in failed)

    def refuses(self, message: Message) -> bool:
        """Return whether the message can never be sent."""
        value = message.value or b""
        is_event = message.topic == _SINK.full_name and b"refused-event" in value
        return is_event or (message.topic == _SOURCE.dead_letter_name and b"refused letter" in value)


class SimulatedWorker:
    """The broker, results and views of one worker: they count points, and block forever at the one where it stops."""

    def __init__(self, world: World, stop: Stop | None) -> None:
        self.world = world
        self.stop = stop
        self.stopped = asyncio.Event()
        self.points = 0

    async def point(self) -> None:
        self.points += 1
        if self.stop is not None and self.points >= self.stop.point:
            self.stopped.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)

    async def _write(self) -> None:
        await self.point()
        self.world.writes += 1
        if self.world.writes in self.world.faults:
            raise ConnectionError("temporarily unavailable")

    async def publish(self, *messages: Message) -> None:
        refused = [message for message in messages if self.world.refuses(message)]
        if any(message.topic == _SOURCE.dead_letter_name for message in refused):
            raise Poison("the client cannot send it", reason="too_large")
        for message in messages:
            await self._write()
            if message not in refused:
                self.world.log.append(message)
        await self.point()
        if refused:
            raise Poison("the broker does not take it", reason="kafka_refuses")

    def get(self, partition: int, key: str) -> str | None:
        return self.world.results.get(key)

    async def put(self, partition: int, results: Mapping[str, str]) -> None:
        if any(sent.sha256 in value for value in results.values() for sent in self.world.inputs if _no_result(sent)):
            raise Poison("the changelog does not take it", reason="too_large")
        for key, value in results.items():
            await self._write()
            if self.world.results.setdefault(key, value) != value:
                self.world.errors.append(f"{key} is stored twice, with different values")
        await self.point()

    async def publish_progress(self, *messages: Message) -> None:
        self.world.log += messages

    async def caught_up(self) -> None:
        await self.point()

    async def run(self, step: Step[Any, Any, Any, Any], event: Any, report: Any) -> CompletedWork:
        report(0.0)
        await self.point()
        return CompletedWork(step.work(event, None).model_dump_json(), 0.0, 0)  # type: ignore[arg-type]


class CurrentWorker:
    """Delegates to the current simulated worker: after a rebalance the same stage uses the next one."""

    def __init__(self) -> None:
        self.worker: SimulatedWorker

    def __getattr__(self, name: str) -> Any:
        return getattr(self.worker, name)


class Stream:
    """Faust's stream of one partition, from its committed offset."""

    def __init__(self, world: World) -> None:
        self._world = world

    def noack(self) -> Stream:
        return self

    async def events(self) -> Any:
        for offset in range(self._world.committed, len(self._world.inputs)):
            yield Event(self._world, offset)
        await asyncio.Event().wait()


class Event:
    """An event of the stream, which is also its own message."""

    topic, partition, key, timestamp, generation_id = _SOURCE.full_name, 0, b"k", 1.0, 1

    def __init__(self, world: World, offset: int) -> None:
        self._world = world
        self.offset = offset
        self.value = world.inputs[offset].value
        self.headers = [("ce_id", b"e%d" % offset)]
        if world.inputs[offset].kind == "replay to here":
            request_id = SongSubmitted.model_validate_json(self.value or b"").request_id or f"e{offset}"
            self.headers += [(REPLAY_OF, b"e"), *limit_headers(b"", b"e", "before", request_id)]

    @property
    def message(self) -> Event:
        return self

    def ack(self) -> None:
        self._world.ack(self.offset)


class App:
    """Stores the agent that `add_agent` creates."""

    consumer_generation_id = 1

    def topic(self, *_: Any, **__: Any) -> None:
        return None

    def agent(self, *_: Any, **__: Any) -> Any:
        return lambda function: setattr(self, "loop", function)


def _make_stage(world: World, current: CurrentWorker) -> Stage:
    kinds = {sent.sha256: sent.kind for sent in world.inputs}

    def work(source: Source, tools: Tools) -> MediaFacts:
        sha256 = str(source.sha256)
        world.attempts[sha256] = world.attempts.get(sha256, 0) + 1
        raise_fault_of(kinds[sha256], world.attempts[sha256])
        world.worked += 1  # no two results are equal, so a result that is computed again and published is detected
        return facts_of(sha256, world.worked)

    def emit(event: SongSubmitted, song: MediaFacts) -> SongAccepted:
        title = "t" * (9000 if kinds[song.sha256] == "too large" else 9)
        return SongAccepted.model_construct(request_id=event.request_id, song=song, title=title, options=event.options)

    step = accepting_step(
        "here",
        work,
        emit,
        reads=frozenset({"library"}),
        writes=frozenset({"library"}),
        ending=lambda event: Ending(),
    )

    async def publish_progress(*messages: Message) -> None:
        await current.publish_progress(*messages)

    return Stage(
        step,
        tools_below(Path()),
        current,
        current,
        _runner(current),
        views={"library": current},
        upstream_step="before",
        observers=(ProgressReporter(publish_progress),),
    )


def _runner(current: CurrentWorker) -> Any:
    async def run(*arguments: Any) -> CompletedWork:
        completed: CompletedWork = await current.run(*arguments)
        return completed

    return run


async def _run_workers(world: World, stops: list[Stop]) -> None:
    current = CurrentWorker()
    stage = _make_stage(world, current)
    for stop in [*stops, None]:
        current.worker = worker = SimulatedWorker(world, stop)
        app = App()
        add_agent(app, stage, InFlight())  # type: ignore[arg-type]
        task = asyncio.create_task(app.loop(Stream(world)))  # type: ignore[attr-defined]
        await asyncio.wait_for(_until_stopped(world, worker), _TIMEOUT_S)
        worker.stop = Stop(0, kill=True)  # it writes nothing from now on
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if stop is not None and stop.kill:
            current = CurrentWorker()
            stage = _make_stage(world, current)


async def _until_stopped(world: World, worker: SimulatedWorker) -> None:
    while not worker.stopped.is_set() and world.committed < len(world.inputs):  # noqa: ASYNC110 - no time passes here
        await asyncio.sleep(0)


def _no_result(sent: SentEvent) -> bool:
    return sent.kind == "refused result"


def _offset(letter: Message) -> int:
    return int(dict(letter.headers)["__connect.errors.offset"])


def _request(message: Message) -> str:
    return dict(message.headers)["ce_correlationid"].decode()


def _ids(messages: list[Message]) -> set[bytes]:
    return {dict(message.headers)["ce_id"] for message in messages}


def _check(world: World) -> None:
    assert world.errors == []
    outputs, letters = world.on(_SINK.full_name), world.on(_SOURCE.dead_letter_name)
    outcomes = world.on(REQUEST_ENDED.full_name)
    assert len(_ids(outcomes)) == len({message.value for message in outcomes}), "one id, one outcome"
    assert len(_ids(outputs)) == len({message.value for message in outputs}), "one id, one event"
    for sent in set(world.inputs):
        own_outputs = [out for out in outputs if _request(out) == sent.request_id]
        offsets = [offset for offset, other in enumerate(world.inputs) if other == sent]
        dead_letters = [letter for letter in letters if _offset(letter) in offsets]
        ended = {
            RequestEnded.model_validate_json(message.value or b"").outcome
            for message in outcomes
            if _request(message) == sent.request_id
        }
        if sent.kind == "good":
            assert len(_ids(own_outputs)) == 1
            assert not dead_letters
            assert ended == {"done"}
        elif sent.kind in ("poison work", "too large", "refused event", "refused result"):
            assert not own_outputs
            assert {letter.value for letter in dead_letters} == {sent.value}
            assert ended == {"failed"}
        elif sent.kind in ("garbage", "null", "refused letter"):
            ids = {dict(letter.headers)["bachata.dead-letter-id"].decode() for letter in dead_letters}
            assert len(ids) == len(offsets)
            assert {letter.value for letter in dead_letters} == {b"" if "refused" in sent.kind else sent.value}
            assert ids <= {
                RequestEnded.model_validate_json(message.value or b"").dead_letter_id for message in outcomes
            }
        elif sent.kind == "replay to here":
            assert not own_outputs
            assert not dead_letters
        else:
            assert own_outputs or dead_letters
    first_outputs = list(dict.fromkeys(_request(out) for out in outputs if "good" in _request(out)))
    assert first_outputs == list(dict.fromkeys(sent.request_id for sent in world.inputs if sent.kind == "good"))


_INPUTS = st.lists(st.builds(SentEvent, st.sampled_from(_KINDS), st.integers(0, 1), st.integers(0, 1)), max_size=7)
_STOPS = st.lists(st.builds(Stop, st.integers(1, 40), st.booleans()), max_size=6)
_FAULTS = st.frozensets(st.integers(1, 40), max_size=4)


def _run_and_check(inputs: list[SentEvent], stops: list[Stop], faults: frozenset[int]) -> None:
    world = World(inputs, faults)
    asyncio.run(_run_workers(world, stops))
    _check(world)


@pytest.fixture(autouse=True, scope="module")
def _fast_and_quiet() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retry, "random", SimpleNamespace(uniform=lambda low, high: 0.0))
        patch.setattr(event_run, "_MAX_VALUE_BYTES", 8000)
        patch.setattr(retry.log, "disabled", True)
        patch.setattr(stage_module.log, "disabled", True)
        yield


_SETTINGS = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


@settings(_SETTINGS, max_examples=300)
@given(_INPUTS, _STOPS, _FAULTS)
def test_every_event_has_exactly_one_effect(inputs: list[SentEvent], stops: list[Stop], faults: frozenset[int]) -> None:
    _run_and_check(inputs, stops, faults)


@pytest.mark.chaos
def test_every_event_has_exactly_one_effect_in_ten_thousand_runs() -> None:
    runs = 0

    @settings(_SETTINGS, max_examples=_RUNS, derandomize=False)
    @given(_INPUTS, _STOPS, _FAULTS)
    def run_model(inputs: list[SentEvent], stops: list[Stop], faults: frozenset[int]) -> None:
        nonlocal runs
        runs += 1
        _run_and_check(inputs, stops, faults)

    run_model()
    figure("stage_model_runs", runs, Goal(_RUNS, at_least=True))
