"""The step wrapper: the one way an event is worked on, so that none is lost and one delivered twice has one effect.

    validate -> stored result? -> work  |  store the result -> publish and wait for the broker -> ack

Left of the bar events are taken one by one, in order; right of it they go on together with those that wait.
Nothing escapes but cancellation: a poison event becomes a dead letter at once, a passing fault is tried again with
backoff and then becomes one. Where the broker, a disk or the move index is away, the event waits as long as it takes;
it is acked only after everything it leads to has been written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol, TypeVar

from agents.step import Tools, View
from schemas.base import Model
from schemas.faults import Fault, Poison, Retryable, Unavailable
from streams.envelope import REPLAY_TO, Message, Record
from streams.stage.event_run import EventRun, Output, check_size
from streams.stage.observers import Observer, Observers
from streams.stage.retry import as_retryable, retry_forever, sleep_before
from streams.stage.runners import AnyStep, Done, Runner
from streams.stage.stored_results import Results, from_stored, result_key, to_stored
from streams.topics import Topic, topic_of

log = logging.getLogger(__name__)

T = TypeVar("T")
ATTEMPTS = 4


class Publisher(Protocol):
    """Where events go."""

    async def publish(self, *messages: Message) -> None:
        """Return when the broker has all of them. Raises `Poison` for one that is too large."""


class UpToDate(Protocol):
    """A view that can be waited for."""

    async def caught_up(self) -> None:
        """Return when the view has all that was published before. Raises what keeps it from use."""


def _nothing() -> Unavailable | None:
    return None


class _Found(NamedTuple):
    """A result, its key, and what must be stored of it."""

    result: Model
    key: str
    to_store: Mapping[str, str]


class _AttemptsExhausted(Exception):  # noqa: N818
    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass(frozen=True)
class Stage:
    """A step at its place in the stream.

    `run` does the work wherever it is done; `views` are those that the step reads and writes, by name;
    `missing_resource` says what the machine lacks to work, such as space on a disk; `upstream_step` makes the events
    it takes; `observers` see each run; `pending_results` are stored by nobody yet.
    """

    step: AnyStep
    tools: Tools
    publisher: Publisher
    results: Results
    run: Runner
    views: Mapping[View, UpToDate] = field(default_factory=dict)
    missing_resource: Callable[[], Unavailable | None] = _nothing
    upstream_step: str | None = None
    observers: Sequence[Observer] = ()
    pending_results: dict[tuple[int, str], str] = field(default_factory=dict)

    @cached_property
    def source(self) -> Topic:
        """The topic it reads."""
        return topic_of(self.step.consumes)

    @cached_property
    def _observer(self) -> Observers:
        return Observers(self.observers)

    async def handle(self, record: Record) -> None:
        """Take a record all the way; when this returns it may be acked."""
        await self.deliver([await self.prepare(record)])

    async def prepare(self, record: Record) -> Output | None:
        """Do all the work on a record. Nothing is written; the same record again leads to the same.

        Returns None for a record that is not for this step.
        """
        if self.upstream_step is not None and record.header(REPLAY_TO) == self.upstream_step:
            return None
        run = EventRun(self.step, record)
        try:
            run.read()
            return await self._advance(run)
        except _AttemptsExhausted as exhausted:
            return run.dead_letter(exhausted.fault)
        except Poison as fault:
            return run.dead_letter(fault)
        except Exception as error:
            log.exception("%s: a defect of the program", self.step.name)
            run.attempts = max(run.attempts, 1)
            return run.dead_letter(Retryable(f"{type(error).__name__}: {error}", "unexpected"))
        finally:
            run.stop_clock()
            self._observer.prepared(run)

    async def deliver(self, outputs: Sequence[Output | None]) -> None:
        """Write what records of one partition led to, in their order; when this returns they may be acked."""
        real = [output for output in outputs if output is not None]
        await self._store(real)
        events = [event for output in real for event in output.events]
        ended = [message for output in real for message in output.ended]
        if self.step.writes:
            await retry_forever(lambda: self.publisher.publish(*events))
            for view in self.step.writes:
                await retry_forever(self.views[view].caught_up)
            events = []
        await retry_forever(lambda: self.publisher.publish(*events, *ended))
        for output in real:
            self._observer.finished(output.run)

    async def _store(self, outputs: Sequence[Output]) -> None:
        results = {key: stored for output in outputs for key, stored in output.results.items()}
        if results:
            partition = outputs[0].run.record.partition
            await retry_forever(lambda: self.results.put(partition, results))
            for key in results:
                self.pending_results.pop((partition, key), None)

    async def _advance(self, run: EventRun) -> Output:
        found = await self._find(run)
        try:
            return run.output(*found)
        except Poison as fault:  # what was requested beyond the work cannot be had; the work is done all the same
            return run.dead_letter(fault, found.to_store)

    async def _find(self, run: EventRun) -> _Found:
        """Return the result, at the fourth attempt at the latest; what is unavailable is waited for."""
        while True:
            run.attempts += 1
            try:
                return await self._result(run)
            except Poison:
                raise
            except Unavailable as fault:
                run.attempts -= 1
                await self._wait(run, fault)
            except Exception as error:  # noqa: BLE001 - a defect of a step is a fault of this event
                await self._before_next_attempt(run, error)

    async def _before_next_attempt(self, run: EventRun, error: Exception) -> None:
        fault = as_retryable(error)
        trace = None if fault is error else error
        log.warning("%s: attempt %d failed: %s", self.step.name, run.attempts, fault, exc_info=trace)
        if self.missing_resource() is not None:  # it may have failed for that
            run.attempts -= 1
        elif run.attempts >= ATTEMPTS:
            raise _AttemptsExhausted(fault) from error
        await sleep_before(max(run.attempts, 1))

    async def _result(self, run: EventRun) -> _Found:
        for view in self.step.reads:
            await retry_forever(self.views[view].caught_up, but=(Unavailable,))
        work_input = await self._call(lambda: self.step.depends_on(run.event, self.tools))
        key, partition = result_key(self.step, work_input), run.record.partition
        pending = self.pending_results.get((partition, key))
        result = from_stored(self.step, pending or self.results.get(partition, key))
        if result is None or not await self._call(lambda: self.step.is_valid(result, self.tools)):
            run.done = await self._work(run, work_input)
            result = self.step.result.model_validate_json(run.done.result)
            pending = to_stored(self.step, self.step.subject(run.event, result), run.done.result)
            check_size(self.step.name, pending)
            self.pending_results[partition, key] = pending
        return _Found(result, key, {} if pending is None else {key: pending})

    async def _call(self, function: Callable[[], T]) -> T:
        """Call a function of the step; on a thread where it may use a view, which may be a server."""
        return await asyncio.to_thread(function) if self.step.reads else function()

    async def _work(self, run: EventRun, work_input: Model) -> Done:
        while (shortage := self.missing_resource()) is not None:
            await self._wait(run, shortage)
        return await self.run(self.step, work_input, lambda fraction: self._observer.progressed(run, fraction))

    async def _wait(self, run: EventRun, fault: Unavailable) -> None:
        self._observer.waiting(run, fault)
        await asyncio.sleep(fault.retry_after_s)
