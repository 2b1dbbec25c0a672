"""The stage wrapper: the one way an event is worked on, so that none is lost and one seen twice has one effect.

    validate -> known already? -> work  |  store the result -> publish and wait for the broker -> ack

Left of the bar events are taken one by one, in order; right of it they go on together with those that wait.
Nothing escapes but cancellation: a poison event goes to the dead letters at once, a passing fault is tried again
with backoff and then goes there. Where the broker or the table itself fails, the stage waits and tries again for as
long as it takes; the event is acked only after everything it leads to has been written.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from time import monotonic, thread_time
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeVar

import psutil
from pydantic import TypeAdapter, ValidationError

from agents.step import Step, Tools
from schemas.base import Payload, RequestId
from schemas.faults import Fault, Poison, Retryable
from streams.envelope import REPLAY_TO, STEP_VERSION, Message, Record, payload_of, seal
from streams.ids import event_id, work_key
from streams.stage.dead_letters import letter_headers, letter_id
from streams.stage.progress import Asked, Saying, asked_by, word
from streams.topics import MAX_MESSAGE_BYTES, Topic, topic_of
from streams.worker.step_pool import Done

log = logging.getLogger(__name__)

T = TypeVar("T")
ATTEMPTS = 4
_REQUEST_ID: TypeAdapter[str] = TypeAdapter(RequestId)
_BACKOFF_S = 0.5
_BACKOFF_MAX_S = 30.0
_LOOK_EVERY_S = 1.0
_NO_FAULT_OF_THE_EVENT = {"disk_full", "move_index", "qdrant_away", "qdrant_refuses"}
_LARGEST = MAX_MESSAGE_BYTES - 32 * 1024  # a record's key and headers come on top


class Publisher(Protocol):
    """Where events go."""

    async def publish(self, *messages: Message) -> None:
        """Return when the broker has all of them. Raises `Poison` for one that is too large."""


class Results(Protocol):
    """Where a step remembers its results."""

    def get(self, partition: int, key: str) -> str | None:
        """A remembered result's JSON."""

    async def put(self, partition: int, results: Mapping[str, str]) -> None:
        """Return when they are remembered for good; the same key always has the same value."""


Runner = Callable[[Step[Any, Any, Any], Payload, Callable[[float], None]], Awaitable[Done]]


async def _at_once() -> None:
    return None


def _plenty() -> str | None:
    return None


class Outcome(NamedTuple):
    """What a record comes to: events, the step's last word on it, and a result to remember by its key."""

    partition: int
    events: tuple[Message, ...] = ()
    last: Message | None = None
    result: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Stage:
    """A step at its place in the stream.

    `run` does the work wherever it is done; `before` and `after` are waited for before a result is looked up and
    after an event is published; `short_of` says what the machine lacks to work, such as room on a disk; `fed_by`
    is the step whose events it takes; `unwritten` are results that are not in the memory yet.
    """

    step: Step[Any, Any, Any]
    tools: Tools
    publisher: Publisher
    results: Results
    run: Runner
    before: Callable[[], Awaitable[None]] = _at_once
    after: Callable[[], Awaitable[None]] = _at_once
    short_of: Callable[[], str | None] = _plenty
    fed_by: str | None = None
    unwritten: dict[tuple[int, str], str] = field(default_factory=dict)

    @cached_property
    def source(self) -> Topic:
        """The topic it reads."""
        return topic_of(self.step.consumes)

    @cached_property
    def sink(self) -> Topic:
        """The topic it writes."""
        return topic_of(self.step.produces)

    async def handle(self, record: Record) -> None:
        """Take a record all the way; when this returns it may be acked."""
        await self.deliver([await self.prepare(record)])

    async def prepare(self, record: Record) -> Outcome:
        """Do all the work on a record. Nothing is written; the same record again comes to the same."""
        if self.fed_by is not None and record.header(REPLAY_TO) == self.fed_by:
            return Outcome(record.partition)
        asked: Asked | None = None
        try:
            event = self._read(record)
            asked = asked_by(event)
            return await self._advance(record, event, asked)
        except _GaveUp as gave_up:
            return self._buried(record, asked, gave_up.fault, gave_up.attempts)
        except Poison as fault:
            return self._buried(record, asked, fault, attempts=0)
        except Exception as error:
            log.exception("%s: this is a defect of ours", self.step.name)
            return self._buried(record, asked, Retryable(f"{type(error).__name__}: {error}", "unexpected"), attempts=1)

    async def deliver(self, outcomes: Sequence[Outcome]) -> None:
        """Write what records of one partition came to, in their order; when this returns they may be acked."""
        await self._remember(outcomes)
        events = [event for outcome in outcomes for event in outcome.events]
        words = [outcome.last for outcome in outcomes if outcome.last is not None]
        if self.after is _at_once:
            await patiently(lambda: self.publisher.publish(*events, *words))
            return
        await patiently(lambda: self.publisher.publish(*events))
        await patiently(self.after)
        await patiently(lambda: self.publisher.publish(*words))

    async def _remember(self, outcomes: Sequence[Outcome]) -> None:
        results = {key: value for outcome in outcomes for key, value in outcome.result.items()}
        if results:
            partition = outcomes[0].partition
            await patiently(lambda: self.results.put(partition, results))
            for key in results:
                self.unwritten.pop((partition, key), None)

    def _read(self, record: Record) -> Payload:
        event = payload_of(record, self.step.consumes)
        if getattr(event, "request_id", None) is None:
            return event.model_copy(update={"request_id": _own_id(record)})
        return event

    async def _advance(self, record: Record, event: Payload, asked: Asked) -> Outcome:
        started = monotonic()
        if self.before is not _at_once:
            await patiently(self.before)
        depends_on = await self._ask(self.step.known_by, event)
        key = work_key(self.step.name, self.step.version, depends_on)
        unwritten = self.unwritten.get((record.partition, key))
        result = await self._known(unwritten or self.results.get(record.partition, key))
        done = None if result is not None else await self._work(event, asked)
        if done is not None:
            _must_fit(self.step.name, done.result)
            result = self.step.result.model_validate_json(done.result)
            unwritten = self.unwritten[record.partition, key] = done.result
        kept = {} if unwritten is None else {key: unwritten}
        try:
            out = self._sealed(record, self.step.emit(event, result), key, asked.request_id)
        except Poison as fault:  # what was asked for beyond the work cannot be had; the work is done all the same
            return self._buried(record, asked, fault, attempts=0)._replace(result=kept)
        last = self._finished(asked, done, monotonic() - started)
        return Outcome(record.partition, (out,), last, kept)

    async def _known(self, text: str | None) -> Payload | None:
        known = _read_again(self.step, text)
        return known if known is not None and await self._ask(self.step.holds, known) else None

    async def _ask(self, question: Callable[[Any, Tools], T], about: Payload) -> T:
        """A step that waits for the library asks it: maybe a server, so on a thread, and for as long as it is away."""
        if self.before is _at_once:
            return question(about, self.tools)
        return await patiently(lambda: asyncio.to_thread(question, about, self.tools))

    async def _work(self, event: Payload, asked: Asked) -> Done:
        saying = Saying(self.publisher.publish, self.step.name, asked)
        number = 0
        while True:
            while (lack := self.short_of()) is not None:
                saying.waiting(lack)
                await asyncio.sleep(_LOOK_EVERY_S)
            try:
                return await self.run(self.step, event, saying.running)
            except Poison as fault:
                raise _GaveUp(fault, number + 1) from fault
            except Retryable as fault:
                number += 0 if self._is_short(fault) else 1
                self._give_up_or_go_on(number, fault)
            except Exception as error:
                number += 1
                log.warning("%s: %s", self.step.name, error, exc_info=True)
                self._give_up_or_go_on(number, Retryable(f"{type(error).__name__}: {error}", "unexpected"))
            await asyncio.sleep(_backoff(max(number, 1)))

    def _is_short(self, fault: Retryable) -> bool:
        """Whether it is no fault of the event, which waits then for as long as it takes."""
        return fault.reason in _NO_FAULT_OF_THE_EVENT or self.short_of() is not None

    def _give_up_or_go_on(self, number: int, fault: Retryable) -> None:
        log.warning("%s: attempt %d failed: %s", self.step.name, number, fault)
        if number >= ATTEMPTS:
            raise _GaveUp(fault, number) from fault

    def _sealed(self, cause: Record, out: Payload, key: str, request_id: str) -> Message:
        step = self.step
        headers = seal(self.sink, f"/agents/{step.name}", event_id(key, request_id), request_id, cause)
        headers.append((STEP_VERSION, step.version.encode()))
        value = out.model_dump_json()
        _must_fit(self.sink.full_name, value)
        return Message(self.sink.full_name, step.key(out).encode(), value.encode(), headers)

    def _finished(self, asked: Asked, done: Done | None, seconds: float) -> Message:
        said: dict[str, Any] = {"state": "done", "fraction": 1.0, "seconds": seconds, "cached": done is None}
        if self.step.ends:
            said["outcome"] = "done"
        if done is not None:
            said |= {"cpu_seconds": done.cpu_seconds, "peak_rss_bytes": done.peak_rss_bytes}
        return word(self.step.name, asked, **said)

    def _buried(self, record: Record, asked: Asked | None, fault: Fault, attempts: int) -> Outcome:
        asked = asked or Asked(*[_own_id(record)] * 2)
        log.warning("%s: %s goes to the dead letters: %s", self.step.name, asked.request_id, fault)
        headers = letter_headers(record, self.step.name, fault, attempts)
        letter = Message(self.source.dead_letter_name, record.key, record.value, headers)
        failed = {"state": "failed", "outcome": "failed", "reason": fault.reason, "error": str(fault)}
        last = word(self.step.name, asked, **failed, dead_letter_id=letter_id(record))
        return Outcome(record.partition, (letter,), last)


def _must_fit(where: str, value: str) -> None:
    if len(value) * 4 > _LARGEST and len(value.encode()) > _LARGEST:
        raise Poison(f"an event of {len(value)} characters is too large for {where}", reason="too_large")


class _GaveUp(Exception):  # noqa: N818
    def __init__(self, fault: Fault, attempts: int) -> None:
        super().__init__(str(fault))
        self.fault = fault
        self.attempts = attempts


def _own_id(record: Record) -> str:
    """What the sender may know the request by: its id in the payload, in the headers, or the event's; else ours."""
    for name in (_request_id_in(record.value), record.header("ce_correlationid"), record.event_id):
        try:
            return _REQUEST_ID.validate_python(name)
        except ValidationError:
            continue
    return letter_id(record)


def _request_id_in(value: bytes | None) -> object:
    try:
        return json.loads(value or b"")["request_id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _read_again(step: Step[Any, Any, Any], known: str | None) -> Payload | None:
    """A remembered result, or None where there is none that today's step can read."""
    try:
        return None if known is None else step.result.model_validate_json(known)
    except ValidationError:
        return None


def _backoff(attempt: int) -> float:
    longest: float = min(_BACKOFF_S * 2.0 ** (attempt - 1), _BACKOFF_MAX_S)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


async def patiently(action: Callable[[], Awaitable[T]]) -> T:
    """Do it, however long the broker or the disk keeps us waiting."""
    attempt = 0
    while True:
        try:
            return await action()
        except Exception as error:  # noqa: BLE001 - giving up here would lose the event
            attempt += 1
            log.warning("waiting to try again: %s: %s", type(error).__name__, error)
            await asyncio.sleep(_backoff(min(attempt, 10)))


def in_thread(tools: Tools) -> Runner:
    """A runner for steps that work in the worker itself, on a thread."""

    async def run(step: Step[Any, Any, Any], event: Payload, report: Callable[[float], None]) -> Done:
        loop = asyncio.get_running_loop()

        def report_from_thread(fraction: float) -> None:
            loop.call_soon_threadsafe(report, fraction)

        lent = replace(tools, report=report_from_thread)
        report(0.0)
        try:
            return await asyncio.wait_for(asyncio.to_thread(_measured, step, event, lent), step.timeout_s)
        except TimeoutError as error:
            raise Retryable(f"the step did not finish within {step.timeout_s:.0f} s", reason="timeout") from error

    return run


def _measured(step: Step[Any, Any, Any], event: Payload, tools: Tools) -> Done:
    started = thread_time()
    result = step.work(event, tools).model_dump_json()
    return Done(result, thread_time() - started, psutil.Process().memory_info().rss)
