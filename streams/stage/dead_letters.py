"""Dead letters: the original key and value, byte for byte, with headers that say what failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.faults import Fault, Poison
from streams.envelope import Headers, Record
from streams.ids import place_id
from streams.topics import TOPICS, Topic

_ERRORS = "__connect.errors."
REDRIVE_OF = "bachata.redrive-of"  # the letter a record comes from
_LETTER_ID = "bachata.dead-letter-id"
_ATTEMPTS = "bachata.attempts"
_FAILED_AT = "bachata.failed-at"
_REASON = "bachata.reason"
_RETRYABLE = "bachata.retryable"
_CONNECT = ("topic", "partition", "offset", "connector.name", "stage", "exception.class.name", "exception.message")
_ADDED = frozenset({_LETTER_ID, _ATTEMPTS, _FAILED_AT, _REASON, _RETRYABLE, *(_ERRORS + name for name in _CONNECT)})
_MESSAGE_LIMIT = 1000
_LATEST_S = 253_402_300_799  # the last second of the year 9999


def record_id(record: Record) -> str:
    """Return an id for a record, made of its place."""
    return place_id(record.topic, record.partition, record.offset)


def letter_id(record: Record, step: str) -> str:
    """Return the id of the dead letter of a record that failed in a step, however often it fails there."""
    return place_id(record.topic, record.partition, record.offset, step)


def letter_headers(record: Record, step: str, fault: Fault, attempts: int) -> Headers:
    """Return the record's own headers, then what failed, where and how often: Kafka Connect's names, then ours."""
    stage = "VALUE_CONVERTER" if fault.reason == "invalid_event" else "TASK_PUT"
    place = (record.topic, str(record.partition), str(record.offset))
    connect = (*place, step, stage, type(fault).__name__, str(fault)[:_MESSAGE_LIMIT])
    ours = {
        _LETTER_ID: letter_id(record, step),
        _ATTEMPTS: str(attempts),
        _FAILED_AT: datetime.now(UTC).isoformat(timespec="milliseconds"),
        _REASON: fault.reason,
        _RETRYABLE: "false" if isinstance(fault, Poison) else "true",
    }
    added = {_ERRORS + name: value for name, value in zip(_CONNECT, connect, strict=True)} | ours
    return [*record.headers, *((name, value.encode()) for name, value in added.items())]


def original_headers(letter: Record) -> Headers:
    """Return the headers that the record had before: the last one of each name that makes it a letter is dropped."""
    added, kept = set(_ADDED), []
    for name, value in reversed(letter.headers):
        if name in added:
            added.discard(name)
        else:
            kept.append((name, value))
    return kept[::-1]


@dataclass(frozen=True)
class Letter:
    """A dead letter without its key and value.

    `topic` is that of the dead letters it lies among; `says_topic` is what its headers claim. All text may come from
    strangers.
    """

    id: str
    topic: Topic
    partition: int
    offset: int
    failed_at: datetime
    says_topic: str | None
    step: str
    reason: str
    attempts: int | None
    error: str
    size: int
    redrive_of: str | None

    @property
    def has_foreign_origin(self) -> bool:
        """Whether it claims to come from a topic other than the one it lies among the letters of."""
        return self.says_topic not in {None, self.topic.full_name}


def read_letter(record: Record, timestamp_ms: int) -> Letter:
    """Return what a record of a topic of dead letters says; what its headers lack is taken from its place."""
    text = {name: value.decode("utf-8", "replace")[:_MESSAGE_LIMIT] for name, value in record.headers}  # last ones win
    attempts = text.get(_ATTEMPTS, "")
    return Letter(
        id=text.get(_LETTER_ID) or record_id(record),
        topic=next(topic for topic in TOPICS if topic.dead_letter_name == record.topic),
        partition=record.partition,
        offset=record.offset,
        failed_at=_when(text.get(_FAILED_AT, ""), timestamp_ms),
        says_topic=text.get(f"{_ERRORS}topic"),
        step=text.get(f"{_ERRORS}connector.name", "unknown"),
        reason=text.get(_REASON, "unknown"),
        attempts=int(attempts) if attempts.isascii() and attempts.isdecimal() and len(attempts) < 10 else None,
        error=text.get(f"{_ERRORS}exception.message", ""),
        size=len(record.key or b"") + len(record.value or b""),
        redrive_of=text.get(REDRIVE_OF),
    )


def _when(text: str, timestamp_ms: int) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.fromtimestamp(min(max(0, timestamp_ms) / 1000, _LATEST_S), UTC)
