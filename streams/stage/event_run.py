"""One event on its way through one step: all that belongs to it, and the messages it leads to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from schemas.base import Model, RequestId
from schemas.faults import Fault, Poison
from schemas.request_ended import RequestEnded
from streams.envelope import STEP_VERSION, Headers, Message, Record, event_headers, payload_of
from streams.ids import event_id
from streams.stage.dead_letters import letter_headers, letter_id, record_id
from streams.stage.runners import AnyStep, Done
from streams.topics import MAX_MESSAGE_BYTES, REQUEST_ENDED, Topic, topic_of

_REQUEST_ID: TypeAdapter[str] = TypeAdapter(RequestId)
_MAX_VALUE_BYTES = MAX_MESSAGE_BYTES - 32 * 1024  # a record's key and headers come on top
_NO_RESULTS: Mapping[str, str] = MappingProxyType({})


class RequestRef(NamedTuple):
    """A request: its id, and the title of its song or the name of its clip."""

    request_id: str
    subject: str


class Output(NamedTuple):
    """What a run leads to: events and dead letters, the request's outcome, and results to store by their keys."""

    run: EventRun
    events: tuple[Message, ...] = ()
    ended: tuple[Message, ...] = ()
    results: Mapping[str, str] = _NO_RESULTS


@dataclass(slots=True)
class EventRun:
    """An event, its request, and how far its run is.

    `attempts`: how often the result was tried for, without those that only had to wait. `done` stays None where the
    result was stored already; `fault` is why the run failed.
    """

    step: AnyStep
    record: Record
    started: float = field(default_factory=monotonic)
    stopped: float | None = None
    attempts: int = 0
    done: Done | None = None
    fault: Fault | None = None
    letter_id: str | None = None
    _event: Model | None = None
    _request: RequestRef | None = None

    @property
    def request(self) -> RequestRef:
        """The event's request; of an event that cannot be read, what its sender may know it by."""
        if self._request is None:
            request_id = _fallback_request_id(self.record)
            self._request = RequestRef(request_id, request_id)
        return self._request

    @property
    def seconds(self) -> float:
        """Seconds from the run's begin to the end of its work."""
        return (self.stopped or monotonic()) - self.started

    def stop_clock(self) -> None:
        """Note that the work is over; what is left is writing."""
        self.stopped = monotonic()

    @property
    def event(self) -> Model:
        """The event, once it is read."""
        if self._event is None:
            raise AssertionError("the event is read first")
        return self._event

    def read(self) -> None:
        """Read the event, and give it a request id. Raises `Poison` for bytes that are not an event of the topic."""
        event: Model = payload_of(self.record, self.step.consumes)
        request_id: str | None = getattr(event, "request_id", None)
        if request_id is None:
            request_id = _fallback_request_id(self.record)
            event = event.model_copy(update={"request_id": request_id})
        subject = getattr(event, "title", None) or getattr(event, "clip", None) or request_id
        self._event, self._request = event, RequestRef(request_id, subject)

    def output(self, result: Model, key: str, stored: Mapping[str, str]) -> Output:
        """Return what a result leads to. `key`: the result's. Raises `Poison` where the event that follows cannot be.

        `stored`: results that must be stored first.
        """
        step = self.step
        if step.emit is None:
            return Output(self, results=stored)
        out = step.emit(self.event, result)
        message = self._message(out, key, step.subject(self.event, result))
        if step.ending is None:
            return Output(self, (message,), results=stored)
        ended = self._ended(f"{key}:done", outcome="done", **vars(step.ending(out)))
        return Output(self, (message,), (ended,), stored)

    def dead_letter(self, fault: Fault, stored: Mapping[str, str] = _NO_RESULTS) -> Output:
        """Return the dead letter of the event, and the failed outcome of its request."""
        self.fault, self.letter_id = fault, letter_id(self.record, self.step.name)
        headers = letter_headers(self.record, self.step.name, fault, self.attempts)
        source = topic_of(self.step.consumes)
        letter = Message(source.dead_letter_name, self.record.key, self.record.value, headers)
        if not self.step.decides_request:
            return Output(self, (letter,), results=stored)
        failure = {"reason": fault.reason, "error": str(fault), "dead_letter_id": self.letter_id}
        return Output(self, (letter,), (self._ended(self.letter_id, outcome="failed", **failure),), stored)

    def _message(self, out: Model, key: str, subject: str) -> Message:
        topic = topic_of(type(out))
        headers = self._headers(topic, event_id(key, self.request.request_id))
        headers.append((STEP_VERSION, self.step.version.encode()))
        value = out.model_dump_json()
        check_size(topic.full_name, value)
        return Message(topic.full_name, subject.encode(), value.encode(), headers)

    def _ended(self, name: str, **fields: Any) -> Message:
        request_id, subject = self.request
        ended = RequestEnded(request_id=request_id, subject=subject, step=self.step.name, **fields)
        headers = self._headers(REQUEST_ENDED, event_id(name, request_id))
        return Message(REQUEST_ENDED.full_name, request_id.encode(), ended.model_dump_json().encode(), headers)

    def _headers(self, topic: Topic, id_: str) -> Headers:
        return event_headers(topic, f"/agents/{self.step.name}", id_, self.request.request_id, self.record)


def check_size(place: str, value: str) -> None:
    """Raise `Poison` for a value that is too large for a record of the place."""
    if len(value) * 4 > _MAX_VALUE_BYTES and len(value.encode()) > _MAX_VALUE_BYTES:
        raise Poison(f"an event of {len(value)} characters is too large for {place}", reason="too_large")


def _fallback_request_id(record: Record) -> str:
    """What the sender may know the request by: its id in the payload, in the headers, or the event's; else ours."""
    for candidate in (_request_id_in(record.value), record.header("ce_correlationid"), record.event_id):
        try:
            return _REQUEST_ID.validate_python(candidate)
        except ValidationError:
            continue
    return record_id(record)


def _request_id_in(value: bytes | None) -> object:
    try:
        return json.loads(value or b"")["request_id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
