"""The stage wrapper: the one way an event is worked on, so that none is lost and one seen twice has one effect.

    validate -> known already? -> work -> store the result -> publish and wait for the broker -> ack

Nothing escapes but cancellation: a poison event goes to the dead letters at once, a passing fault is tried again
with backoff and then goes there. Where the broker or the table itself fails, the stage waits and tries again for as
long as it takes; the event is acked only after everything it leads to has been written.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from time import monotonic, thread_time
from typing import Any, Protocol, TypeVar

import psutil
from pydantic import TypeAdapter, ValidationError

from agents.step import Step, Tools
from schemas.base import Payload, RequestId
from schemas.faults import Fault, Poison, Retryable
from schemas.progress import Progress
from streams.children import Done
from streams.dead_letters import letter_headers, letter_id
from streams.envelope import Headers, Record, payload_of, seal
from streams.identity import event_id, work_key
from streams.topics import PROGRESS, Topic, topic_of

T = TypeVar("T")
log = logging.getLogger(__name__)

ATTEMPTS = 4
_REQUEST_ID: TypeAdapter[str] = TypeAdapter(RequestId)
_BACKOFF_S = 0.5
_BACKOFF_MAX_S = 30.0


class Publisher(Protocol):
    """Where events go."""

    async def publish(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Return when the broker has the record."""


class Results(Protocol):
    """Where a step remembers its results."""

    def get(self, key: str) -> str | None:
        """A remembered result's JSON."""

    def put(self, key: str, value: str) -> None:
        """Remember; the same key always has the same value."""


Runner = Callable[[Step[Any, Any, Any], Payload, Callable[[float], None]], Awaitable[Done]]


async def _at_once() -> None:
    return None


@dataclass(frozen=True)
class Stage:
    """A step at its place in the stream.

    `run` does the work wherever it is done; `before` and `after` are waited for before a result is looked up and
    after an event is published.
    """

    step: Step[Any, Any, Any]
    tools: Tools
    publisher: Publisher
    results: Results
    run: Runner
    before: Callable[[], Awaitable[None]] = _at_once
    after: Callable[[], Awaitable[None]] = _at_once

    @property
    def source(self) -> Topic:
        """The topic it reads."""
        return topic_of(self.step.consumes)

    @property
    def sink(self) -> Topic:
        """The topic it writes."""
        return topic_of(self.step.produces)

    async def handle(self, record: Record) -> None:
        """Take a record all the way; when this returns it may be acked."""
        said = _anonymous(record)
        try:
            event = self._read(record)
            said = _begin(event, self.step.name)
            await self._advance(record, event, said)
        except _GaveUp as gave_up:
            await self._bury(record, said, gave_up.fault, gave_up.attempts)
        except Poison as fault:
            await self._bury(record, said, fault, attempts=0)
        except Exception as error:
            log.exception("%s: this is a defect of ours", self.step.name)
            await self._bury(record, said, Retryable(f"{type(error).__name__}: {error}", "unexpected"), attempts=1)

    def _read(self, record: Record) -> Payload:
        event = payload_of(record, self.step.consumes)
        if getattr(event, "request_id", None) is None:
            return event.model_copy(update={"request_id": _own_id(record)})
        return event

    async def _advance(self, record: Record, event: Payload, said: Progress) -> None:
        started = monotonic()
        await self._tell(said)
        await patiently(self.before)
        key, result, done = await self._insist(lambda: self._result(event, said))
        out = self.step.emit(event, result)
        await self._publish(record, out, key, said.request_id)
        await patiently(self.after)
        await self._tell(
            said.model_copy(
                update={
                    "state": "done",
                    "fraction": 1.0,
                    "seconds": monotonic() - started,
                    "outcome": "done" if self.step.ends else None,
                    "cached": done is None,
                    "cpu_seconds": done.cpu_seconds if done else 0.0,
                    "peak_rss_bytes": done.peak_rss_bytes if done else 0,
                }
            )
        )

    async def _result(self, event: Payload, said: Progress) -> tuple[str, Payload, Done | None]:
        step = self.step
        key = work_key(step.name, step.version, step.known_by(event, self.tools))
        known = _read_again(step, self.results.get(key))
        if known is not None and step.holds(known, self.tools):
            return key, known, None
        done = await self.run(step, event, self._reporter(said))
        result: Payload = step.result.model_validate_json(done.result)
        await patiently(lambda: _at_last(self.results.put, key, done.result))
        return key, result, done

    def _reporter(self, said: Progress) -> Callable[[float], None]:
        tasks: set[asyncio.Task[None]] = set()

        def report(fraction: float) -> None:
            running = said.model_copy(update={"state": "running", "fraction": fraction})
            task = asyncio.ensure_future(self._say(running))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        return report

    async def _insist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        for number in range(1, ATTEMPTS + 1):
            try:
                return await attempt()
            except Poison as fault:
                raise _GaveUp(fault, number) from fault
            except Retryable as fault:
                if number == ATTEMPTS:
                    raise _GaveUp(fault, number) from fault
                log.warning("%s: attempt %d failed: %s", self.step.name, number, fault)
            except Exception as error:
                log.warning("%s: attempt %d failed", self.step.name, number, exc_info=True)
                if number == ATTEMPTS:
                    raise _GaveUp(Retryable(f"{type(error).__name__}: {error}", "unexpected"), number) from error
            await asyncio.sleep(_backoff(number))
        raise AssertionError("unreachable")

    async def _publish(self, cause: Record, out: Payload, key: str, request_id: str) -> None:
        headers = seal(self.sink, f"/agents/{self.step.name}", event_id(key, request_id), request_id, cause)
        partition_key = self.step.key(out).encode()
        value = out.model_dump_json().encode()
        await patiently(lambda: self.publisher.publish(self.sink.full_name, partition_key, value, headers))

    async def _bury(self, record: Record, said: Progress, fault: Fault, attempts: int) -> None:
        headers = letter_headers(record, self.step.name, fault, attempts)
        topic = self.source.dead_letter_name
        await patiently(lambda: self.publisher.publish(topic, record.key, record.value, headers))
        log.warning("%s: %s is in the dead letters: %s", self.step.name, said.request_id, fault)
        failed = {"state": "failed", "outcome": "failed", "reason": fault.reason, "error": str(fault)}
        await self._tell(said.model_copy(update=failed | {"dead_letter_id": letter_id(record)}))

    async def _tell(self, said: Progress) -> None:
        await patiently(lambda: self._say(said))

    async def _say(self, said: Progress) -> None:
        said = said.model_copy(update={"step": self.step.name})
        marker = event_id(f"{said.step}:{said.state}:{said.fraction:.3f}", said.request_id)
        headers = seal(PROGRESS, f"/agents/{self.step.name}", marker, said.request_id)
        await self.publisher.publish(
            PROGRESS.full_name, said.request_id.encode(), said.model_dump_json().encode(), headers
        )


class _GaveUp(Exception):  # noqa: N818
    def __init__(self, fault: Fault, attempts: int) -> None:
        super().__init__(str(fault))
        self.fault = fault
        self.attempts = attempts


def _begin(event: Payload, step: str) -> Progress:
    request_id: str = getattr(event, "request_id")  # noqa: B009 - every consumed event has one once it is read
    subject = getattr(event, "title", None) or getattr(event, "clip", None) or request_id
    return Progress(request_id=request_id, subject=subject, step=step, state="started")


def _anonymous(record: Record) -> Progress:
    request_id = _own_id(record)
    return Progress(request_id=request_id, subject=request_id, step="unknown", state="started")


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


async def _at_last(function: Callable[..., None], *arguments: str) -> None:
    function(*arguments)


async def patiently(action: Callable[[], Awaitable[None]]) -> None:
    """Do it, however long the broker or the disk keeps us waiting. Only `Poison`, which no waiting mends, escapes."""
    attempt = 0
    while True:
        try:
            return await action()
        except Poison:
            raise
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
        try:
            return await asyncio.wait_for(asyncio.to_thread(_measured, step, event, lent), step.timeout_s)
        except TimeoutError as error:
            raise Retryable(f"the step did not finish within {step.timeout_s:.0f} s", reason="timeout") from error

    return run


def _measured(step: Step[Any, Any, Any], event: Payload, tools: Tools) -> Done:
    started = thread_time()
    result = step.work(event, tools).model_dump_json()
    return Done(result, thread_time() - started, psutil.Process().memory_info().rss)
