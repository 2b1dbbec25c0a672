"""The run of one event through one step: its state, and the messages that result from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import ValidationError

from agents.step import Tools
from schemas.base import REQUEST_ID, Model
from schemas.faults import Fault, Poison
from schemas.request_ended import RequestEnded
from streams.envelope import PRIORITY, STEP_VERSION, Headers, Message, Record, attributes_of, event_headers, payload_of
from streams.ids import event_id
from streams.stage.dead_letters import Failure, dead_letter_id, letter_of, record_id, short_letter_of
from streams.stage.runners import AnyStep, CompletedWork
from streams.topics import MAX_MESSAGE_BYTES, REQUEST_ENDED, Topic, topic_of

_MAX_VALUE_BYTES = MAX_MESSAGE_BYTES - 32 * 1024  # the rest is for a record's key and headers
_MAX_SUBJECT_CHARACTERS = 200  # of `Name`
_NO_RESULTS: Mapping[str, str] = MappingProxyType({})


class RequestRef(NamedTuple):
    """A request: its id, and as subject the title of its song or the name of its clip."""

    request_id: str
    subject: str


class Output(NamedTuple):
    """The output of a run: events and dead letters, the request's outcome, and results to store, by key."""

    run: EventRun
    events: tuple[Message, ...] = ()
    ended: tuple[Message, ...] = ()
    results: Mapping[str, str] = _NO_RESULTS

    def replaced(self, refused: Poison) -> Output:
        """Return what is written instead of this output, of which something can never be written.

        An event is replaced by a dead letter, and a dead letter by a short one, at first without the results.
        """
        if self.run.fault is None:
            return self.run.dead_letter(refused)
        return self._replace(results=_NO_RESULTS) if self.results else self.run.short_dead_letter(refused)


@dataclass(slots=True)
class EventRun:
    """An event, its request, and the state of its run.

    `attempts` counts attempts to get the result, without those that had to wait for an unavailable resource;
    `costly_attempts` those that ended by a limit of time or memory, or with the death of their process.
    `completed_work` is None if all its results were cached, else the last work, with the costs of all. `fault` is why
    the run failed; `is_cancelled`: its request was cancelled, and nothing of it is written. `result_keys`: the keys of
    its results that are known by now; a second one is that of the revised input. `started` and `stopped` are monotonic
    times in seconds.
    """

    step: AnyStep
    record: Record
    started: float = field(default_factory=monotonic)
    stopped: float | None = None
    attempts: int = 0
    costly_attempts: int = 0
    completed_work: CompletedWork | None = None
    fault: Fault | None = None
    is_cancelled: bool = False
    result_keys: set[str] = field(default_factory=set)
    dead_letter_id: str | None = None
    _event: Model | None = None
    _request: RequestRef | None = None

    @property
    def request(self) -> RequestRef:
        """Return the event's request; for an event that cannot be read, one made from the best id it has."""
        if self._request is None:
            request_id = _fallback_request_id(self.record)
            self._request = RequestRef(request_id, request_id)
        return self._request

    @property
    def seconds(self) -> float:
        """Return the seconds from the start of the run to the end of its work, or to now."""
        return (self.stopped or monotonic()) - self.started

    def stop_clock(self) -> None:
        """Record that the work has ended; only writing is left."""
        self.stopped = monotonic()

    @property
    def event(self) -> Model:
        """Return the event. Raises: `AssertionError` before `read`."""
        if self._event is None:
            raise AssertionError("call read() first")
        return self._event

    @property
    def only_for(self) -> str | None:
        """Return the id of a request that uses only results made for it, or None where it may use any."""
        return self.request.request_id if self._fields.get("fresh") else None

    @property
    def _fields(self) -> dict[str, Any]:
        # Several times faster than `getattr` where the model has no field of that name.
        return vars(self.event)

    def read(self) -> None:
        """Parse the event, and set a request id if it has none. Raises: `Poison` for bytes that are not an event."""
        event: Model = payload_of(self.record, self.step.consumes)
        fields = vars(event)
        request_id: str | None = fields.get("request_id")
        if request_id is None:
            request_id = _fallback_request_id(self.record)
            event = event.model_copy(update={"request_id": request_id})
        subject = fields.get("title") or fields.get("clip") or fields.get("subject") or request_id
        self._event, self._request = event, RequestRef(request_id, subject[:_MAX_SUBJECT_CHARACTERS])

    def add_work(self, completed: CompletedWork) -> None:
        """Record work that was done; its costs are added to those of earlier work of the run."""
        self.completed_work = completed if self.completed_work is None else completed.after(self.completed_work)

    def work_input(self, tools: Tools) -> Model:
        """Return the input of the work."""
        work_input: Model = self.step.depends_on(self.event, tools)
        if self.step.with_attributes is None:
            return work_input
        with_attributes: Model = self.step.with_attributes(work_input, attributes_of(self.record))
        return with_attributes

    def agrees_with(self, result: Model) -> bool:
        """Return whether the event and the result state the same facts; a stranger may have written the result."""
        if self.step.produces is None:
            return True
        try:
            self.step.event_after(self.event, result)
        except Poison as fault:
            return not isinstance(fault.__cause__, ValidationError)
        return True

    def output(self, result: Model, key: str, stored: Mapping[str, str]) -> Output:
        """Return the output for a result. Raises: `Poison` if no event can be produced from it.

        `key` is the result's cache key; `stored` are results that must be stored first.
        """
        step = self.step
        if step.produces is None:
            return Output(self, results=stored)
        out = step.event_after(self.event, result)
        message = self._message(out, key, step.subject(self.event, result))
        if step.ending is None:
            return Output(self, (message,), results=stored)
        ended = self._ended(f"{key}:done", outcome="done", **vars(step.ending(out)))
        return Output(self, (message,), (ended,), stored)

    def dead_letter(self, fault: Fault, stored: Mapping[str, str] = _NO_RESULTS) -> Output:
        """Return the dead letter of the event, and the failed outcome of its request."""
        self.fault, self.dead_letter_id = fault, dead_letter_id(self.record, self.step.name)
        return Output(self, (letter_of(self.record, self._letters, self._failure(fault)),), self._failed(fault), stored)

    def short_dead_letter(self, omitted_because: Poison) -> Output:
        """Return the dead letter without the record's bytes. Raises: `AssertionError` before `dead_letter`."""
        if self.fault is None:
            raise AssertionError("call dead_letter() first")
        letter = short_letter_of(self.record, self._letters, self._failure(self.fault), omitted_because)
        return Output(self, (letter,), self._failed(self.fault))

    @property
    def _letters(self) -> str:
        return topic_of(self.step.consumes).dead_letter_name

    def _failure(self, fault: Fault) -> Failure:
        return Failure(self.step.name, fault, self.attempts)

    def _failed(self, fault: Fault) -> tuple[Message, ...]:
        """Return the failed outcome of the request, if this step decides it."""
        if not self.step.decides_request:
            return ()
        id_ = str(self.dead_letter_id)  # an event that is submitted again may fail for another reason
        cause = f"{id_}:{fault.reason}"
        ended = self._ended(cause, outcome="failed", reason=fault.reason, error=str(fault), dead_letter_id=id_)
        return (ended,)

    def _message(self, out: Model, key: str, subject: str) -> Message:
        topic = topic_of(type(out))
        headers = self._headers(topic, event_id(key, self.request.request_id))
        headers.append((STEP_VERSION, self.step.version.encode()))
        if (priority := self._fields.get("priority")) is not None:
            headers.append((PRIORITY, priority.encode()))
        value = out.model_dump_json()
        check_size(topic.full_name, value)
        return Message(topic.full_name, subject.encode(), value.encode(), headers)

    def _ended(self, cause: str, **fields: Any) -> Message:
        request_id, subject = self.request
        ended = RequestEnded(request_id=request_id, subject=subject, step=self.step.name, **fields)
        headers = self._headers(REQUEST_ENDED, event_id(cause, request_id))
        return Message(REQUEST_ENDED.full_name, request_id.encode(), ended.model_dump_json().encode(), headers)

    def _headers(self, topic: Topic, id_: str) -> Headers:
        return event_headers(topic, f"/agents/{self.step.name}", id_, self.request.request_id, self.record)


def check_size(destination: str, value: str) -> None:
    """Raise `Poison` (`too_large`) for a value that is too large for a record. `destination`: its topic or step."""
    if len(value) * 4 > _MAX_VALUE_BYTES and len(value.encode()) > _MAX_VALUE_BYTES:
        raise Poison(f"an event of {len(value)} characters is too large for {destination}", reason="too_large")


def _fallback_request_id(record: Record) -> str:
    """Return the request id in the payload or headers, else the event's id, else that of the record."""
    for candidate in (_request_id_in(record), record.header("ce_correlationid"), record.event_id):
        try:
            return REQUEST_ID.validate_python(candidate)
        except ValidationError:
            continue
    return record_id(record)


class _AnyEvent(Model):
    request_id: Any = None


def _request_id_in(record: Record) -> object:
    try:
        return payload_of(record, _AnyEvent).request_id
    except Poison:
        return None
