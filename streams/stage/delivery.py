"""Writing the outputs of a partition: results first, then events and dead letters, then outcomes of requests.

A fault of the broker or the connection is retried until it passes. A message that can never be sent, such as one that
is larger than its topic accepts, is replaced: an event by a dead letter, a dead letter by one that only names a place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from agents.step import View
from schemas.faults import Poison
from streams.envelope import Message
from streams.stage.event_run import Output
from streams.stage.operations import Operation, Operations
from streams.stage.retry import retry_forever
from streams.stage.runners import AnyStep
from streams.stage.stored_results import Results

_REPLACEMENTS = 3  # a dead letter, the same without results to store, a short one


class Publisher(Protocol):
    """Publishes messages."""

    async def publish(self, *messages: Message) -> None:
        """Return when the broker has acknowledged all messages. Raises: `Poison` if one can never be sent."""


class UpToDate(Protocol):
    """A view that follows topics."""

    async def caught_up(self) -> None:
        """Return when the view has applied all that was published before the call. Raises a fault if it is unusable."""


@dataclass(frozen=True)
class Delivery:
    """Writes the outputs of a step. `pending_results`: see `Stage`. `not_cancelled` returns what may be written."""

    step: AnyStep
    publisher: Publisher
    results: Results
    views: Mapping[View, UpToDate]
    pending_results: MutableMapping[tuple[int, str], str]
    not_cancelled: Callable[[Sequence[Output]], Awaitable[Sequence[Output]]]
    operations: Operations = field(default_factory=Operations)

    async def deliver(self, outputs: Sequence[Output]) -> None:
        """Write outputs of records of one partition, in order."""
        try:
            await self._write(outputs)
        except Poison:  # one by one, so that only what can never be sent is replaced
            for output in outputs:
                await self._write_alone(output)

    async def _write_alone(self, output: Output) -> None:
        for _ in range(_REPLACEMENTS):
            try:
                return await self._write([output])
            except Poison as refused:
                self._forget_results(output)
                output = output.replaced(refused)
        return await self._write([output], reraise=())  # of a few KB: the topic's settings are wrong, not the message

    async def _write(self, outputs: Sequence[Output], reraise: tuple[type[Exception], ...] = (Poison,)) -> None:
        outputs = await self.not_cancelled(outputs)
        if not outputs:
            return
        await self._store(outputs, reraise)
        events = [event for output in outputs for event in output.events]
        ended = [message for output in outputs for message in output.ended]
        if self.step.writes or self.step.ending:  # else an outcome could be written although its event cannot be
            await self._publish(outputs, events, reraise)
            await self.catch_up(self.step.writes)
            events = []
        await self._publish(outputs, [*events, *ended], reraise)

    async def catch_up(self, views: Iterable[View], reraise: tuple[type[Exception], ...] = ()) -> None:
        """Return when these views have applied what is published. Raises only errors of the types `reraise`."""
        for view in views:
            with self.operations.start(f"{self.step.name}: the view '{view}' catches up") as operation:
                await retry_forever(self.views[view].caught_up, operation, reraise)

    async def _publish(
        self, outputs: Sequence[Output], messages: Sequence[Message], reraise: tuple[type[Exception], ...]
    ) -> None:
        if messages:
            with self._operation(outputs, "publishing") as operation:
                await retry_forever(lambda: self.publisher.publish(*messages), operation, reraise)

    async def _store(self, outputs: Sequence[Output], reraise: tuple[type[Exception], ...]) -> None:
        results = {key: stored for output in outputs for key, stored in output.results.items()}
        if not results:
            return
        partition = outputs[0].run.record.partition
        with self._operation(outputs, "storing results") as operation:
            await retry_forever(lambda: self.results.put(partition, results), operation, reraise)
        for output in outputs:
            self._forget_results(output)

    def _forget_results(self, output: Output) -> None:
        for key in output.results:
            self.pending_results.pop((output.run.record.partition, key), None)

    def _operation(self, outputs: Sequence[Output], action: str) -> AbstractContextManager[Operation]:
        """Start an operation such as "intake, bachata.song-submitted.v1[2] from offset 7: publishing"."""
        record = outputs[0].run.record
        place = f"{self.step.name}, {record.topic}[{record.partition}] from offset {record.offset}"
        return self.operations.start(f"{place}: {action}", (record.topic, record.partition))
