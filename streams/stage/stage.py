"""The step wrapper: no event is lost, and an event that is delivered twice has one effect.

    validate -> stored result? -> work  |  store the result -> publish and wait for the broker -> ack

Left of the bar (`prepare`) events are processed one by one, in order; right of it (`deliver`) several are written in
one batch. No exception leaves the wrapper but cancellation: a poison event becomes a dead letter at once; a retryable
fault is retried with backoff and then becomes a dead letter. While the broker, a disk or the move index is unavailable,
the event waits without limit. It is acked only after all of its output has been written.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeVar

from agents.step import Tools, View
from schemas.base import Model, Priority
from schemas.faults import Fault, Poison, Unavailable
from streams.envelope import Record
from streams.replay_limit import ends_after
from streams.stage.controls import Controls, RequestCancelledError
from streams.stage.delivery import Delivery, Publisher, UpToDate
from streams.stage.event_run import EventRun, Output, check_size
from streams.stage.observers import Observer, Observers
from streams.stage.operations import Operations
from streams.stage.priority import priority_of
from streams.stage.retry import as_retryable, sleep_before
from streams.stage.runners import AnyStep, CompletedWork, Runner
from streams.stage.stored_results import Results, from_stored, result_key, to_stored
from streams.topics import Topic, topic_of

log = logging.getLogger(__name__)

T = TypeVar("T")
_HELD = Unavailable("the request is held until it is resumed", reason="held")
_COSTLY = frozenset({"timeout", "out_of_memory", "child_died"})


def _no_shortage() -> Unavailable | None:
    return None


class _KeyedResult(NamedTuple):
    """A result, its cache key, and the results that must still be stored."""

    result: Model
    key: str
    to_store: Mapping[str, str]


class _AttemptsExhausted(Exception):  # noqa: N818
    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass(frozen=True)
class Stage:
    """A step with all that it needs to process records.

    `run` does the work; `views` are those that the step reads and writes, by name; `missing_resource` returns the fault
    while the machine lacks something, such as disk space; `upstream_step` produces the events that the step consumes;
    `observers` are notified of each run; `replay_key` returns the key that signs the last step of a replay;
    `pending_results` are computed but not yet stored, by partition and key; `operations` has the writes and waits in
    progress; `controls` knows which requests are cancelled or held; `uses` counts the runs whose output is not written
    yet, by partition and key of their result.
    """

    step: AnyStep
    tools: Tools
    publisher: Publisher
    results: Results
    run: Runner
    views: Mapping[View, UpToDate] = field(default_factory=dict)
    missing_resource: Callable[[], Unavailable | None] = _no_shortage
    upstream_step: str | None = None
    observers: Sequence[Observer] = ()
    replay_key: Callable[[], bytes] = bytes
    pending_results: dict[tuple[int, str], str] = field(default_factory=dict)
    operations: Operations = field(default_factory=Operations)
    controls: Controls = field(default_factory=Controls)
    uses: Counter[tuple[int, str]] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        """Return the name of the step."""
        return self.step.name

    def priority(self, record: Record) -> Priority:
        """Return the priority of a record's request."""
        return priority_of(record)

    @cached_property
    def source(self) -> Topic:
        """Return the topic that the step consumes."""
        return topic_of(self.step.consumes)

    @cached_property
    def _delivery(self) -> Delivery:
        return Delivery(
            self.step,
            self.publisher,
            self.results,
            self.views,
            self.pending_results,
            self._not_cancelled,
            self.operations,
        )

    @cached_property
    def _observer(self) -> Observers:
        return Observers(self.observers)

    async def handle(self, record: Record) -> None:
        """Process a record completely; when this returns, it may be acked."""
        await self.deliver([await self.prepare(record)])

    async def prepare(self, record: Record) -> Output | None:
        """Return the output for a record, without writing anything; the same record leads to the same output.

        Returns None for a replayed record whose replay ends before this step, and for one of a request that is
        cancelled or held.
        """
        run = EventRun(self.step, record)
        try:
            run.read()
            if self.upstream_step and ends_after(record, self.upstream_step, run.request.request_id, self.replay_key):
                return None
            return await self._run_unless_held(run)
        except RequestCancelledError:
            await self._withdraw(run)
            return None
        except _AttemptsExhausted as exhausted:
            return run.dead_letter(exhausted.fault)
        except Poison as fault:
            return run.dead_letter(fault)
        except Exception as error:
            log.exception("%s: a bug in the program", self.step.name)
            run.attempts = max(run.attempts, 1)
            return run.dead_letter(as_retryable(error))
        finally:
            run.stop_clock()
            self._observer.prepared(run)

    async def deliver(self, outputs: Sequence[Output | None]) -> None:
        """Write the outputs of records of one partition, in order; when this returns, the records may be acked."""
        present = [output for output in outputs if output is not None]
        await self._delivery.deliver(present)
        for run in [output.run for output in present if not output.run.is_cancelled]:
            self._stop_using_result(run)
            self._observer.finished(run)

    async def _not_cancelled(self, outputs: Sequence[Output]) -> Sequence[Output]:
        """Return the outputs without those of cancelled requests: where one has an outcome, it is decided here."""
        ending = dict.fromkeys(output.run.request.request_id for output in outputs if output.ended)
        cancelled = await self.controls.cancelled(ending) if ending else ()
        for output in outputs:
            if output.run.request.request_id in cancelled:
                await self._withdraw(output.run)
        return [output for output in outputs if output.run.request.request_id not in cancelled]

    async def _withdraw(self, run: EventRun) -> None:
        """Forget the result of a cancelled request and remove the files of its work, if no other request uses them."""
        if run.is_cancelled:  # its batch is written again
            return
        run.is_cancelled = True
        log.info("%s: a request is cancelled", self.step.name, extra={"request_id": run.request.request_id})
        self._stop_using_result(run)
        for key in run.result_keys:
            if not self.uses[run.record.partition, key]:
                self.pending_results.pop((run.record.partition, key), None)
        if self.step.discard is None or run.fault is not None:
            return
        try:
            work_input = await self._call(lambda: run.work_input(self.tools))
            place = run.record.partition, result_key(self.step, work_input)
            if not self.uses[place] and not any(self._known_results(*place)):
                await asyncio.to_thread(self.step.discard, work_input, self.tools, run.record.timestamp_ms / 1000)
        except Exception:
            log.exception("%s: what a cancelled request has left could not be removed", self.step.name)

    def _stop_using_result(self, run: EventRun) -> None:
        for key in run.result_keys:
            place = run.record.partition, key
            self.uses[place] -= 1
            if not self.uses[place]:
                del self.uses[place]

    async def _run_unless_held(self, run: EventRun) -> Output | None:
        if not self.step.decides_request:  # a delivery: also the outcome of a cancelled request is delivered
            return await self._run_step(run)
        with self.controls.running(run.request.request_id):
            if await self.controls.hold(run):
                self._observer.waiting(run, _HELD)
                return None
            return await self._run_step(run)

    async def _run_step(self, run: EventRun) -> Output:
        keyed_result = await self._result_with_retries(run)
        try:
            return run.output(*keyed_result)
        except Poison as fault:  # the work is done, and its result is stored although no event can be produced
            return run.dead_letter(fault, keyed_result.to_store)

    async def _result_with_retries(self, run: EventRun) -> _KeyedResult:
        """Return the result after as many attempts as the step declares.

        An `Unavailable` resource is waited for and is not counted.

        Raises:
            Poison: the event can never succeed.
            _AttemptsExhausted: the last attempt failed.
        """
        while True:
            run.attempts += 1
            try:
                return await self._attempt_result(run)
            except Poison:
                raise
            except Unavailable as fault:
                run.attempts -= 1
                await self._wait(run, fault)
            except Exception as error:  # noqa: BLE001 - a bug in a step is a fault of this event only
                await self._before_next_attempt(run, error)

    async def _before_next_attempt(self, run: EventRun, error: Exception) -> None:
        fault = as_retryable(error)
        trace = None if fault is error else error
        log.warning("%s: attempt %d failed: %s", self.step.name, run.attempts, fault, exc_info=trace)
        if self.missing_resource() is not None:  # probably the cause of the failure
            run.attempts -= 1
        else:
            run.costly_attempts += fault.reason in _COSTLY
            if run.attempts >= self.step.retries.attempts or run.costly_attempts >= self.step.retries.costly_attempts:
                raise _AttemptsExhausted(fault) from error
        await sleep_before(max(run.attempts, 1), self.step.retries, fault.retry_after_s)

    async def _attempt_result(self, run: EventRun) -> _KeyedResult:
        await self._delivery.catch_up(self.step.reads, reraise=(Unavailable,))
        work_input = await self._call(lambda: run.work_input(self.tools))
        found = await self._result_of(run, work_input)
        if self.step.revise is None:
            return found
        await self._delivery.catch_up({*self.step.reads, *self.step.writes}, reraise=(Unavailable,))
        revised = await asyncio.to_thread(self.step.revise, work_input, found.result, self.tools)
        if revised == work_input:
            return found
        revised_result = await self._result_of(run, revised)
        return revised_result._replace(to_store={**found.to_store, **revised_result.to_store})

    async def _result_of(self, run: EventRun, work_input: Model) -> _KeyedResult:
        """Return the stored result for an input, or that of the work."""
        key, partition = result_key(self.step, work_input), run.record.partition
        if key not in run.result_keys:
            run.result_keys.add(key)
            self.uses[partition, key] += 1
        # The stored result counts: another worker may have had the partition since a result was computed here.
        for text, to_store in self._known_results(partition, key):
            result = from_stored(self.step, text, run.only_for)
            if result is not None and run.agrees_with(result) and await self._is_valid(result):
                return _KeyedResult(result, key, to_store)
        completed = await self._work(run, work_input)
        run.add_work(completed)
        result = self.step.result.model_validate_json(completed.result)
        subject = self.step.subject(run.event, result)
        pending = to_stored(self.step, subject, completed.result, run.only_for)
        check_size(self.step.name, pending)
        self.pending_results[partition, key] = pending
        return _KeyedResult(result, key, {key: pending})

    def _known_results(self, partition: int, key: str) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield the stored and the pending result, if there are any, each with what must still be stored of it."""
        if (stored := self.results.get(partition, key)) is not None:
            yield stored, {}
        if (pending := self.pending_results.get((partition, key))) is not None:
            yield pending, {key: pending}

    async def _is_valid(self, result: Model) -> bool:
        return await self._call(lambda: self.step.is_valid(result, self.tools))

    async def _call(self, function: Callable[[], T]) -> T:
        """Call a function of the step; on a thread if it may use a view, which may be a remote server."""
        return await asyncio.to_thread(function) if self.step.reads else function()

    async def _work(self, run: EventRun, work_input: Model) -> CompletedWork:
        while (shortage := self.missing_resource()) is not None:
            await self._wait(run, shortage)
        self._observer.queued(run)
        return await self.run(self.step, work_input, lambda fraction: self._observer.progressed(run, fraction))

    async def _wait(self, run: EventRun, fault: Unavailable) -> None:
        self._observer.waiting(run, fault)
        await asyncio.sleep(fault.retry_after_s)
