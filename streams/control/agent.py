"""The agent of `request-control`: it records what is decided, ends cancelled requests, and releases resumed ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.faults import Poison
from schemas.progress import Progress
from schemas.request_control import RequestControl
from schemas.request_ended import RequestEnded
from streams.envelope import Message, Record, event_headers, payload_of
from streams.ids import event_id
from streams.stage.dead_letters import Failure, letter_of, short_letter_of
from streams.stage.delivery import Publisher, UpToDate
from streams.stage.operations import Operations
from streams.stage.retry import retry_forever
from streams.topics import PROGRESS, REQUEST_CONTROL, REQUEST_ENDED, Topic
from streams.views.request_controls import RequestControls, decision, released

NAME = "request_control"
_SOURCE = f"/agents/{NAME}"
_LATE = "it had ended before it was cancelled"


class _Control(NamedTuple):
    """A record of the topic, and its event; None where it is not valid, then there is a dead letter."""

    record: Record
    event: RequestControl | None
    dead_letter: Message | None = None


@dataclass(frozen=True)
class ControlAgent:
    """Processes the events of `request-control`; see `add_agent`.

    `subject_of` returns the title of a request's song, or the name of its clip; None where it is not known.
    """

    controls: RequestControls
    view: UpToDate
    publisher: Publisher
    subject_of: Callable[[str], str | None]
    operations: Operations = field(default_factory=Operations)
    name: str = NAME
    source: Topic = REQUEST_CONTROL

    async def prepare(self, record: Record) -> _Control:
        """Return the event in a record, or its dead letter."""
        try:
            return _Control(record, payload_of(record, RequestControl))
        except Poison as fault:
            return _Control(record, None, letter_of(record, REQUEST_CONTROL.dead_letter_name, _failure(fault)))

    async def deliver(self, controls: Sequence[_Control]) -> None:
        """Carry out events in order; when this returns, their records may be acked."""
        for control in controls:
            if control.event is not None:
                await self._carry_out(control.record, control.event)
            elif control.dead_letter is not None:
                await self._publish_letter(control.record, control.dead_letter)

    async def _carry_out(self, record: Record, event: RequestControl) -> None:
        request_id = event.request_id
        subject = (self.subject_of(request_id) or request_id) if event.action == "cancel" else ""
        await self._publish(record, decision(request_id, event.action.encode(), subject))
        with self.operations.start("the view 'request controls' catches up") as operation:
            await retry_forever(self.view.caught_up, operation)
        if event.action == "cancel":
            await self._cancel(record, request_id, subject)
        elif event.action == "resume" and not self.controls.is_held(request_id):
            held = self.controls.held_events(request_id)
            await self._publish(record, *held.values())
            await self._publish(record, *map(released, held))

    async def _cancel(self, record: Record, request_id: str, subject: str) -> None:
        """End the request, unless it has ended before: then progress says so to whoever follows it."""
        cancelled_subject = self.controls.cancelled(request_id)
        if cancelled_subject is None:
            late = Progress(
                request_id=request_id, subject=subject, step=NAME, state="done", reason="already_ended", error=_LATE
            )
            await self._publish(record, _message(PROGRESS, late, f"{request_id}:{record.offset}", record))
            return
        ended = RequestEnded(
            request_id=request_id,
            subject=cancelled_subject,
            step=NAME,
            outcome="cancelled",
            reason="cancelled",
            error="the request was cancelled",
        )
        await self._publish(record, _message(REQUEST_ENDED, ended, "cancelled", record))
        await self._publish(record, *map(released, self.controls.held_events(request_id)))

    async def _publish_letter(self, record: Record, letter: Message) -> None:
        try:
            await self._publish(record, letter)
        except Poison as refused:
            letters = REQUEST_CONTROL.dead_letter_name
            await self._publish(record, short_letter_of(record, letters, _failure(refused), refused))

    async def _publish(self, record: Record, *messages: Message) -> None:
        if not messages:
            return
        partition = (record.topic, record.partition)
        with self.operations.start(f"{NAME}, {partition[0]}[{partition[1]}]: publishing", partition) as operation:
            await retry_forever(lambda: self.publisher.publish(*messages), operation, reraise=(Poison,))


def _message(topic: Topic, event: Progress | RequestEnded, cause: str, record: Record) -> Message:
    id_ = event_id(cause, event.request_id)
    headers = event_headers(topic, _SOURCE, id_, event.request_id, record)
    return Message(topic.full_name, event.request_id.encode(), event.model_dump_json().encode(), headers)


def _failure(fault: Poison) -> Failure:
    return Failure(NAME, fault, 1)
