"""Dead letters: the original key and value, byte for byte, with headers that describe the failure.

A letter that cannot be sent, such as one that is too large with its headers, is replaced by a short one: without the
record's key, value and headers, but with their place and the reason.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from schemas.faults import Fault, Poison
from streams.envelope import Headers, Message, Record
from streams.ids import digest, position_id
from streams.topics import REQUEST_ENDED, TOPICS, Topic

_ERRORS = "__connect.errors."
UNREADABLE = "unreadable_record"
REDRIVE_OF = "bachata.redrive-of"  # the id of the dead letter that was sent again as this record
HELD_AT = "bachata.held-at"  # partition, offset and time of the record when it was held the first time
_POSITION = re.compile(r"(\d{1,9}):(\d{1,18}):(-?\d{1,18})")
_LETTER_ID = "bachata.dead-letter-id"
_ATTEMPTS = "bachata.attempts"
_FAILED_AT = "bachata.failed-at"
_REASON = "bachata.reason"
_RETRYABLE = "bachata.retryable"
_FIRST_OFFSET = "bachata.first-offset"  # of the records that cannot be read; `offset` is the last
_ORIGINAL = "bachata.original"  # whether the letter has the record's key, value and headers
_INCLUDED, _OMITTED = "included", "omitted"
_OMITTED_BECAUSE = "bachata.omitted-because"
_SIZE = "bachata.original-size"  # bytes of the record's key and value
_CONNECT = ("topic", "partition", "offset", "connector.name", "stage", "exception.class.name", "exception.message")
_OWN = (_LETTER_ID, _ATTEMPTS, _FAILED_AT, _REASON, _RETRYABLE, _FIRST_OFFSET, _ORIGINAL)
_ADDED = frozenset({*_OWN, *(_ERRORS + name for name in _CONNECT)})
_CARRIED = ("ce_id", "ce_correlationid", REDRIVE_OF)  # headers of the record that a short letter has
_MAX_TEXT_CHARACTERS = 1000
_MAX_DIGITS = 20
_MAX_TIMESTAMP_S = 253_402_300_799  # the last second of the year 9999, the largest that datetime accepts


def record_id(record: Record, *parts: str) -> str:
    """Return an id for a record: the same each time it is read. `parts` distinguish several ids of one record.

    Copies of a record that was held have the id of the first: a worker that is killed may release it twice.
    """
    first = _POSITION.fullmatch(record.header(HELD_AT) or "") if record.header(REDRIVE_OF) is None else None
    if first is None:
        position = (record.partition, record.offset, str(record.timestamp_ms))
    else:
        position = (int(first[1]), int(first[2]), first[3])
    return position_id(record.topic, *position, _contents(record), *parts)


def position_text(record: Record) -> str:
    """Return a record's position and time as the value of `HELD_AT`."""
    return f"{record.partition}:{record.offset}:{record.timestamp_ms}"


def partition_in(position: str) -> int | None:
    """Return the partition in the text of a position, None in any other text."""
    found = _POSITION.fullmatch(position)
    return None if found is None else int(found[1])


def dead_letter_id(record: Record, step: str) -> str:
    """Return the id of the dead letter of a record that failed in a step: the same for all copies of its event.

    A worker that is killed may publish an event again, and a program may submit one again. Events of other programs
    may share an id, so their contents count; those of an outcome do not, since its error can differ when its step is
    repeated. A record that was redriven has another id, and one without an event id that of its position.
    """
    event = [record.raw_header(name) or b"" for name in ("ce_id", "ce_source", REDRIVE_OF)]
    if not event[0]:
        return record_id(record, step)
    contents = "" if record.topic == REQUEST_ENDED.full_name else _contents(record)
    return digest(record.topic, *(part.hex() for part in event), contents, step)[:16]


def _contents(record: Record) -> str:
    """Return what distinguishes records of one position: a topic that is created again repeats its offsets."""
    contents = hashlib.sha256()
    for part in (record.key, record.value):
        contents.update(b"-" if part is None else b"%d:" % len(part) + part)
    return contents.hexdigest()


class Failure(NamedTuple):
    """How a record failed: in which step, why, and after how many attempts."""

    step: str
    fault: Fault
    attempts: int


def letter_of(record: Record, topic: str, failure: Failure) -> Message:
    """Return the dead letter of a record, to be sent to the dead letter topic `topic`."""
    value = record.value if record.unreadable is None else b""
    return Message(topic, record.key, value, dead_letter_headers(record, failure))


def short_letter_of(record: Record, topic: str, failure: Failure, omitted_because: Fault) -> Message:
    """Return a dead letter of a few KB, which names the place of its record and why the record is not included."""
    carried = {name: value for name in _CARRIED if (value := record.header(name)) is not None}
    omitted = {_OMITTED_BECAUSE: str(omitted_because), _SIZE: str(len(record.key or b"") + len(record.value or b""))}
    return Message(topic, None, b"", [*_encoded(carried | omitted), *_failure_headers(record, failure, _OMITTED)])


def dead_letter_headers(record: Record, failure: Failure) -> Headers:
    """Return the record's own headers, then those of the failure: first with Kafka Connect's names, then with ours."""
    return [*record.headers, *_failure_headers(record, failure, _INCLUDED)]


def _failure_headers(record: Record, failure: Failure, original: str) -> Headers:
    step, fault, attempts = failure
    stage = "VALUE_CONVERTER" if fault.reason in {"invalid_event", UNREADABLE} else "TASK_PUT"
    position = (record.topic, str(record.partition), str(record.offset))
    connect = (*position, step, stage, type(fault).__name__, str(fault)[:_MAX_TEXT_CHARACTERS])
    own = {
        _LETTER_ID: dead_letter_id(record, step),
        _ATTEMPTS: str(attempts),
        _FAILED_AT: datetime.now(UTC).isoformat(timespec="milliseconds"),
        _REASON: fault.reason,
        _RETRYABLE: "false" if isinstance(fault, Poison) else "true",
        _ORIGINAL: original,
    }
    if record.unreadable is not None:
        own[_FIRST_OFFSET] = str(record.unreadable.first_offset)
    return _encoded({_ERRORS + name: value for name, value in zip(_CONNECT, connect, strict=True)} | own)


def _encoded(headers: Mapping[str, str]) -> Headers:
    return [(name, value.encode()) for name, value in headers.items()]


def original_headers(letter: Record) -> Headers:
    """Return the headers that the record had before it failed.

    Of each name that a dead letter adds only the last header is removed: earlier ones are the sender's.
    """
    added, original = set(_ADDED), []
    for name, value in reversed(letter.headers):
        if name in added:
            added.discard(name)
        else:
            original.append((name, value))
    return original[::-1]


@dataclass(frozen=True)
class DeadLetter:
    """A dead letter without its key and value.

    `topic` is the topic whose dead letter topic it was read from; `claimed_topic` is the source topic in its headers.
    All text is untrusted: any producer may have written it.
    """

    id: str
    topic: Topic
    partition: int
    offset: int
    failed_at: datetime
    claimed_topic: str | None
    step: str
    reason: str
    attempts: int | None
    error: str
    size: int | None
    redrive_of: str | None
    omitted_because: str | None = None  # why the record is not included; None where it is
    source_partition: int | None = None
    source_offset: int | None = None

    @property
    def has_foreign_origin(self) -> bool:
        """Return whether its headers name a source topic other than `topic`."""
        return self.claimed_topic not in {None, self.topic.full_name}

    @property
    def is_unreadable(self) -> bool:
        """Return whether it stands for records that cannot be read, and so has none of their bytes."""
        return self.reason == UNREADABLE


def read_dead_letter(record: Record, timestamp_ms: int) -> DeadLetter:
    """Return the dead letter in a record; a missing id is replaced by that of the letter's own record.

    `failed_at` is the record's timestamp, which the broker sets: the clock of the worker in its headers may be wrong.
    """
    text = {
        name: value.decode("utf-8", "replace")[:_MAX_TEXT_CHARACTERS] for name, value in record.headers
    }  # the last header of a name counts
    is_omitted = text.get(_ORIGINAL) == _OMITTED
    return DeadLetter(
        id=text.get(_LETTER_ID) or record_id(record),
        topic=next(topic for topic in TOPICS if topic.dead_letter_name == record.topic),
        partition=record.partition,
        offset=record.offset,
        failed_at=datetime.fromtimestamp(min(max(0, timestamp_ms) / 1000, _MAX_TIMESTAMP_S), UTC),
        claimed_topic=text.get(f"{_ERRORS}topic"),
        step=text.get(f"{_ERRORS}connector.name", "unknown"),
        reason=text.get(_REASON, "unknown"),
        attempts=_as_number(text.get(_ATTEMPTS, "")),
        error=text.get(f"{_ERRORS}exception.message", ""),
        size=_as_number(text.get(_SIZE, "")) if is_omitted else len(record.key or b"") + len(record.value or b""),
        redrive_of=text.get(REDRIVE_OF),
        omitted_because=text.get(_OMITTED_BECAUSE, "no reason given") if is_omitted else None,
        source_partition=_as_number(text.get(f"{_ERRORS}partition", "")),
        source_offset=_as_number(text.get(f"{_ERRORS}offset", "")),
    )


def _as_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _MAX_DIGITS else None
