"""The envelope: CloudEvents 1.0, Kafka protocol binding, binary mode; structured mode is understood on input.

Headers of three kinds: `ce_…` are attributes of CloudEvents, standard ones and extensions; `traceparent` and
`tracestate` are those of W3C Trace Context; all others of ours begin with `bachata.`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from schemas.base import Model
from schemas.faults import Poison
from streams.topics import Topic

P = TypeVar("P", bound=Model)

Headers = list[tuple[str, bytes]]
_STRUCTURED = b"application/cloudevents+json"
REPLAY_OF = "ce_replayof"  # the id of the event that is replayed
REPLAY_TO = "ce_replayto"  # the step a replay ends with
STEP_VERSION = "ce_stepversion"  # of the step that made the event, or that a replay is meant for
_CARRIED = (  # from a cause's header to its effect's
    ("traceparent", "traceparent"),
    ("tracestate", "tracestate"),
    (REPLAY_OF, REPLAY_OF),
    (REPLAY_TO, REPLAY_TO),
    ("ce_id", "ce_causationid"),
)
_LONGEST = 512


class Message(NamedTuple):
    """A record to be published."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True)
class Record:
    """A Kafka record: where it stood, and its bytes as they came."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = field(default_factory=list)

    def header(self, name: str) -> str | None:
        """A header's text, at most 512 characters of it, or None."""
        value = self.raw_header(name)
        return None if value is None else value.decode("utf-8", "replace")[:_LONGEST]

    def raw_header(self, name: str) -> bytes | None:
        """A header's bytes, or None."""
        return self._by_name.get(name)

    @property
    def is_structured(self) -> bool:
        """Whether the value is a whole CloudEvent."""
        return self._by_name.get("content-type", b"").startswith(_STRUCTURED)

    @cached_property
    def _by_name(self) -> dict[str, bytes]:
        return dict(reversed(self.headers))  # the first of a name counts

    @property
    def carried_headers(self) -> Headers:
        """The headers that events which follow from this record carry on."""
        by_name = self._by_name
        return [(carried, value[:_LONGEST]) for name, carried in _CARRIED if (value := by_name.get(name))]

    @property
    def event_id(self) -> str | None:
        """The CloudEvents id, if the record has one."""
        return self.header("ce_id")


def as_headers(headers: Iterable[tuple[str, bytes]] | dict[str, bytes] | None) -> Headers:
    """Headers as a list, whatever shape the transport gave them."""
    pairs = headers.items() if isinstance(headers, dict) else headers or ()
    return [pair if pair[1] is not None else (pair[0], b"") for pair in pairs]


def event_headers(topic: Topic, source: str, event_id: str, request_id: str, cause: Record | None = None) -> Headers:
    """Return the headers of an event.

    `cause` is the record that led to it: its id, trace context and replay are carried on.
    """
    headers = [
        *_fixed(topic, source),
        ("ce_id", event_id.encode()),
        ("ce_time", utc_now().encode()),
        ("ce_correlationid", request_id.encode()),
    ]
    if cause is not None:
        headers += cause.carried_headers
    return headers


def utc_now() -> str:
    """Return the time as RFC 3339 with milliseconds."""
    seconds, milliseconds = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{_second(seconds)}.{milliseconds:03d}+00:00"


@lru_cache(maxsize=2)  # a worker asks for it many times in a second
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


@lru_cache(maxsize=64)
def _fixed(topic: Topic, source: str) -> Headers:
    return [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_type", topic.full_name.encode()),
        ("ce_source", source.encode()),
    ]


def payload_of(record: Record, model: type[P]) -> P:
    """Return the record's payload. Raises `Poison` (`invalid_event`) for bytes that are not one."""
    try:
        return model.model_validate_json(_data(record))
    except ValidationError as error:
        raise Poison(f"not a valid {model.__name__} event: {_first(error)}", reason="invalid_event") from error


def _data(record: Record) -> bytes:
    value = record.value or b""
    if not record.is_structured:
        return value
    try:
        return json.dumps(json.loads(value)["data"]).encode()
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Poison("not a structured CloudEvent: no JSON object with 'data'", reason="invalid_event") from error


def _first(error: ValidationError) -> str:
    detail = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in detail["loc"])
    return f"{place}: {detail['msg']}" if place else str(detail["msg"])
