"""The envelope: CloudEvents 1.0, Kafka protocol binding, binary mode; structured mode is accepted on input.

There are three kinds of headers: `ce_…` are attributes of CloudEvents, standard ones and extensions; `traceparent`
and `tracestate` come from W3C Trace Context; all other headers of this project begin with `bachata.`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple, TypeVar, cast

from pydantic import ValidationError

from schemas.base import Model
from schemas.event_attributes import EventAttributes
from schemas.faults import Poison, invalid_event
from streams.ids import position_id
from streams.structured_mode import (
    MAX_HEADER_BYTES,
    UNPREFIXED,
    StructuredEvent,
    check_parts,
    is_structured,
    read_structured,
)
from streams.topics import Topic

P = TypeVar("P", bound=Model)

Headers = list[tuple[str, bytes]]
REPLAY_OF = "ce_replayof"  # the id of the event that is replayed
REPLAY_TO = "ce_replayto"  # the last step of a replay
REPLAY_SIGNATURE = "ce_replaysignature"  # without it, the last step does not count: see streams/replay_limit.py
PRIORITY = "ce_priority"  # of the request: the steps that follow do not parse the event for it
STEP_VERSION = "ce_stepversion"  # of the step that produced the event, or for which it is replayed
_CARRIED = (  # pairs: a header of the cause, and the header of the effect that gets its value
    ("traceparent", "traceparent"),
    ("tracestate", "tracestate"),
    (REPLAY_OF, REPLAY_OF),
    (REPLAY_TO, REPLAY_TO),
    (REPLAY_SIGNATURE, REPLAY_SIGNATURE),
    ("ce_id", "ce_causationid"),
)


class Message(NamedTuple):
    """A record to be published. `partition`: where it is published if the topic has it; None: where its key belongs."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    partition: int | None = None


@dataclass(frozen=True)
class Unreadable:
    """Says that the records of a partition from `first_offset` to `last_offset` cannot be read, and why.

    Consumers hand it over as the headers of one record, which stands for them: no other program can forge it there.
    """

    first_offset: int
    last_offset: int
    cause: str

    def __str__(self) -> str:
        """Return a clause, for example `offsets 3 to 5 cannot be read: …`."""
        place = f"offset {self.last_offset}"
        if self.first_offset < self.last_offset:
            place = f"offsets {self.first_offset} to {self.last_offset}"
        return f"{place} cannot be read: {self.cause}"

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        """Return no headers."""
        return iter(())

    def __len__(self) -> int:
        """Return the number of headers: none."""
        return 0


@dataclass(frozen=True)
class Record:
    """A Kafka record: its topic, partition and offset, and its bytes as received.

    If `unreadable` is set, it stands for records that cannot be read, has neither key nor value, and `offset` is the
    last one of theirs.
    `timestamp_ms`: milliseconds since 1970 (UTC), as the broker stores it; -1 if it has none.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = field(default_factory=list)
    unreadable: Unreadable | None = None
    timestamp_ms: int = -1

    def header(self, name: str) -> str | None:
        """Return a header's text, cut to 512 characters, or None. Attributes of structured mode count as headers."""
        value = self.raw_header(name)
        return None if value is None else value.decode("utf-8", "replace")[:MAX_HEADER_BYTES]

    def raw_header(self, name: str) -> bytes | None:
        """Return a header's bytes, or None."""
        return self._by_name.get(name)

    @cached_property
    def structured(self) -> StructuredEvent | None:
        """Return the CloudEvent in the value, or None if the value is only its data (binary mode)."""
        content_type = next((value for name, value in self.headers if name.lower() == "content-type"), b"")
        return read_structured(content_type, self.value or b"") if is_structured(content_type) else None

    @cached_property
    def _by_name(self) -> dict[str, bytes]:
        headers = dict(reversed(self.headers))  # of several headers with one name the first counts
        if self.structured is not None:
            headers = self.structured.attributes | headers  # a replay changes headers only
        for name in UNPREFIXED:  # as attributes they have the prefix
            if name not in headers and (value := headers.get(f"ce_{name}")):
                headers[name] = value
        return headers

    @property
    def carried_headers(self) -> Headers:
        """Return the headers that are copied to the events that this record causes."""
        by_name = self._by_name
        return [(carried, value[:MAX_HEADER_BYTES]) for name, carried in _CARRIED if (value := by_name.get(name))]

    @property
    def event_id(self) -> str | None:
        """Return the CloudEvents id, or None."""
        return self.header("ce_id")


def as_headers(headers: Iterable[tuple[str, bytes]] | dict[str, bytes] | None) -> Headers:
    """Return headers as a list of pairs, from a list, a dict or None; a value of None becomes empty bytes."""
    pairs = headers.items() if isinstance(headers, dict) else headers or ()
    return [pair if pair[1] is not None else (pair[0], b"") for pair in pairs]


def event_headers(topic: Topic, source: str, event_id: str, request_id: str, cause: Record | None = None) -> Headers:
    """Return the headers of an event.

    `cause` is the record that caused it: its id, trace context and replay headers are copied.
    """
    headers = [
        *_constant_headers(topic, source),
        ("ce_id", event_id.encode()),
        ("ce_time", utc_now().encode()),
        ("ce_correlationid", request_id.encode()),
    ]
    if cause is not None:
        headers += cause.carried_headers
    return headers


def utc_now() -> str:
    """Return the current time as RFC 3339 with milliseconds."""
    seconds, milliseconds = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{_format_second(seconds)}.{milliseconds:03d}+00:00"


@lru_cache(maxsize=2)  # called many times a second
def _format_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


@lru_cache(maxsize=64)
def _constant_headers(topic: Topic, source: str) -> Headers:
    return [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_type", topic.full_name.encode()),
        ("ce_source", source.encode()),
    ]


def attributes_of(record: Record) -> EventAttributes:
    """Return the attributes of a record's event. One without a valid id gets an id of its place on the topic."""
    found = {name: _valid_attribute(name, record.header(f"ce_{name}")) for name in ("id", "source", "time")}
    return EventAttributes(
        id=found["id"] or position_id(record.topic, record.partition, record.offset),
        source=found["source"] or "/",
        type=record.topic,
        time=found["time"],
    )


def _valid_attribute(name: str, value: object) -> str | None:
    try:
        valid = EventAttributes.model_validate({"id": "-", "source": "-", "type": "-", name: value})
    except ValidationError:
        return None
    return cast("str", getattr(valid, name))


def payload_of(record: Record, model: type[P]) -> P:
    """Return the record's payload.

    Raises:
        Poison: (`invalid_event`, or the code of the rule that is broken) the bytes are not a valid event;
            (`unreadable_record`) there are no bytes.
    """
    if record.unreadable is not None:
        raise Poison(f"{record.topic}[{record.partition}]: {record.unreadable}", reason="unreadable_record")
    try:
        return model.model_validate_json(_data(record))
    except ValidationError as error:
        raise invalid_event(model, error) from error


def _data(record: Record) -> bytes:
    event = record.structured
    if event is None:
        value = record.value or b""
        check_parts(value)
        return value
    return event.data_for(record.topic)
