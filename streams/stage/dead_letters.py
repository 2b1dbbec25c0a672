"""Dead letters: the original key and value, byte for byte, with headers that describe the failure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.faults import Fault, Poison
from streams.envelope import Headers, Record
from streams.ids import position_id
from streams.topics import TOPICS, Topic

_ERRORS = "__connect.errors."
UNREADABLE = "unreadable_record"
REDRIVE_OF = "bachata.redrive-of"  # the id of the dead letter that was sent again as this record
_LETTER_ID = "bachata.dead-letter-id"
_ATTEMPTS = "bachata.attempts"
_FAILED_AT = "bachata.failed-at"
_REASON = "bachata.reason"
_RETRYABLE = "bachata.retryable"
_FIRST_OFFSET = "bachata.first-offset"  # of the records that cannot be read; `offset` is the last
_CONNECT = ("topic", "partition", "offset", "connector.name", "stage", "exception.class.name", "exception.message")
_OWN = (_LETTER_ID, _ATTEMPTS, _FAILED_AT, _REASON, _RETRYABLE, _FIRST_OFFSET)
_ADDED = frozenset({*_OWN, *(_ERRORS + name for name in _CONNECT)})
_MAX_TEXT_CHARACTERS = 1000
_MAX_TIMESTAMP_S = 253_402_300_799  # the last second of the year 9999, the largest that datetime accepts


def record_id(record: Record) -> str:
    """Return an id for a record, made of its topic, partition and offset."""
    return position_id(record.topic, record.partition, record.offset)


def dead_letter_id(record: Record, step: str) -> str:
    """Return the id of the dead letter of a record that failed in a step: the same each time it fails there."""
    return position_id(record.topic, record.partition, record.offset, step)


def dead_letter_headers(record: Record, step: str, fault: Fault, attempts: int) -> Headers:
    """Return the record's own headers, then those of the failure: first with Kafka Connect's names, then with ours."""
    stage = "VALUE_CONVERTER" if fault.reason in {"invalid_event", UNREADABLE} else "TASK_PUT"
    position = (record.topic, str(record.partition), str(record.offset))
    connect = (*position, step, stage, type(fault).__name__, str(fault)[:_MAX_TEXT_CHARACTERS])
    own = {
        _LETTER_ID: dead_letter_id(record, step),
        _ATTEMPTS: str(attempts),
        _FAILED_AT: datetime.now(UTC).isoformat(timespec="milliseconds"),
        _REASON: fault.reason,
        _RETRYABLE: "false" if isinstance(fault, Poison) else "true",
    }
    if record.unreadable is not None:
        own[_FIRST_OFFSET] = str(record.unreadable.first_offset)
    added = {_ERRORS + name: value for name, value in zip(_CONNECT, connect, strict=True)} | own
    return [*record.headers, *((name, value.encode()) for name, value in added.items())]


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
    size: int
    redrive_of: str | None

    @property
    def has_foreign_origin(self) -> bool:
        """Return whether its headers name a source topic other than `topic`."""
        return self.claimed_topic not in {None, self.topic.full_name}

    @property
    def is_unreadable(self) -> bool:
        """Return whether it stands for records that cannot be read, and so has none of their bytes."""
        return self.reason == UNREADABLE


def read_dead_letter(record: Record, timestamp_ms: int) -> DeadLetter:
    """Return the dead letter in a record; a missing id or time is replaced by the record's position or timestamp."""
    text = {
        name: value.decode("utf-8", "replace")[:_MAX_TEXT_CHARACTERS] for name, value in record.headers
    }  # the last header of a name counts
    attempts = text.get(_ATTEMPTS, "")
    return DeadLetter(
        id=text.get(_LETTER_ID) or record_id(record),
        topic=next(topic for topic in TOPICS if topic.dead_letter_name == record.topic),
        partition=record.partition,
        offset=record.offset,
        failed_at=_parse_time(text.get(_FAILED_AT, ""), timestamp_ms),
        claimed_topic=text.get(f"{_ERRORS}topic"),
        step=text.get(f"{_ERRORS}connector.name", "unknown"),
        reason=text.get(_REASON, "unknown"),
        attempts=int(attempts) if attempts.isascii() and attempts.isdecimal() and len(attempts) < 10 else None,
        error=text.get(f"{_ERRORS}exception.message", ""),
        size=len(record.key or b"") + len(record.value or b""),
        redrive_of=text.get(REDRIVE_OF),
    )


def _parse_time(text: str, timestamp_ms: int) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.fromtimestamp(min(max(0, timestamp_ms) / 1000, _MAX_TIMESTAMP_S), UTC)
