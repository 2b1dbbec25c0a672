"""The agent of `request-control`: it records what is decided, ends cancelled requests, and releases resumed ones."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from schemas.base import Priority
from schemas.faults import Poison
from schemas.progress import Progress
from schemas.request_control import RequestControl
from schemas.request_ended import RequestEnded
from streams.control.decisions import Decisions, Place
from streams.envelope import Message, Record, event_headers, payload_of
from streams.ids import event_id
from streams.request_events import REQUEST_CONTROL_STEP as NAME
from streams.request_events import already_ended, cancelled
from streams.stage.dead_letters import Failure, letter_of, short_letter_of
from streams.stage.operations import Operations
from streams.topics import PROGRESS, REQUEST_CONTROL, REQUEST_ENDED, Topic
from streams.views.control_store import END, cancel_decision, released

log = logging.getLogger(__name__)
_SOURCE = f"/agents/{NAME}"


class KnownRequests(Protocol):
    """The requests that are known."""

    def subject(self, request_id: str) -> str | None:
        """Return the title of a request's song or the name of its clip, or None if the request is unknown."""

    def has_ended(self, request_id: str) -> bool:
        """Return whether the request has an outcome."""


class _Control(NamedTuple):
    """A record of the topic, and its event; None where it is not valid, then there is a dead letter."""

    record: Record
    event: RequestControl | None
    dead_letter: Message | None = None

    @property
    def place(self) -> Place:
        return self.record.topic, self.record.partition


@dataclass(frozen=True)
class ControlAgent:
    """Processes the events of `request-control`; see `add_agent`."""

    decisions: Decisions
    requests: KnownRequests
    name: str = NAME
    source: Topic = REQUEST_CONTROL

    @property
    def operations(self) -> Operations:
        """Return the writes and waits in progress."""
        return self.decisions.operations

    def priority(self, record: Record) -> Priority:
        """Return the same priority for all events: `hold` and `resume` stay in order."""
        del record
        return "interactive"

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
                await self._carry_out(control, control.event)
            elif control.dead_letter is not None:
                await self._publish_letter(control, control.dead_letter)

    async def _carry_out(self, control: _Control, event: RequestControl) -> None:
        if event.action == "cancel":
            return await self._cancel(control, event.request_id)
        await self.decisions.decide({event.request_id: event.action.encode()}, NAME, control.place)
        await self.decisions.caught_up(NAME, control.place)
        if event.action == "resume" and not self.decisions.store.is_held(event.request_id):
            await self._release(control, event.request_id)
        return None

    async def _cancel(self, control: _Control, request_id: str) -> None:
        """End the request, unless it has ended before: then progress says so to whoever follows it."""
        subject = self.requests.subject(request_id) or request_id
        # An outcome of an earlier version was published without a decision.
        action = END if self.requests.has_ended(request_id) else cancel_decision(subject)
        if not self.decisions.store.is_decided(request_id):
            await self.decisions.decide({request_id: action}, NAME, control.place)
            await self.decisions.until_decided([request_id], NAME, control.place)
        cancelled_subject = self.decisions.store.cancelled(request_id)
        if cancelled_subject is None:
            late = already_ended(request_id, subject)
            id_ = f"{request_id}:{control.record.partition}:{control.record.offset}"
            return await self._publish(control, _message(PROGRESS, late, id_, control.record))
        ended = cancelled(request_id, cancelled_subject)
        await self._publish(control, _message(REQUEST_ENDED, ended, "cancelled", control.record))
        await self._publish(control, *map(released, self.decisions.store.held_events(request_id)))
        return None

    async def _release(self, control: _Control, request_id: str) -> None:
        for key, event in self.decisions.store.held_events(request_id).items():
            try:
                await self._publish(control, event)
            except Poison as fault:  # its topic has become too small: it stays where it is, and the next resume tries
                log.error("%s: an event of %s cannot be released: %s", NAME, request_id, fault)  # noqa: TRY400
            else:
                await self._publish(control, released(key))

    async def _publish_letter(self, control: _Control, letter: Message) -> None:
        try:
            await self._publish(control, letter)
        except Poison as refused:
            letters = REQUEST_CONTROL.dead_letter_name
            await self._publish(control, short_letter_of(control.record, letters, _failure(refused), refused))

    async def _publish(self, control: _Control, *messages: Message) -> None:
        await self.decisions.publish(NAME, control.place, *messages)


def _message(topic: Topic, event: Progress | RequestEnded, cause: str, record: Record) -> Message:
    id_ = event_id(cause, event.request_id)
    headers = event_headers(topic, _SOURCE, id_, event.request_id, record)
    return Message(topic.full_name, event.request_id.encode(), event.model_dump_json().encode(), headers)


def _failure(fault: Poison) -> Failure:
    return Failure(NAME, fault, 1)
