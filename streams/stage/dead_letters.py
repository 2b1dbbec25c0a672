"""Dead letters: the original key and value, byte for byte, with headers that say what failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.faults import Fault, Poison
from streams.envelope import Headers, Record
from streams.ids import dead_letter_id
from streams.topics import TOPICS, Topic

REDRIVE_OF = "redriveof"  # the letter a record comes from
_ERRORS = "__connect.errors."
_OURS = ("dead-letter-id", "attempts", "failed-at", "reason", "retryable")
_MESSAGE_LIMIT = 1000
_LATEST_S = 253_402_300_799  # the last second of the year 9999


def letter_id(record: Record) -> str:
    """The id of a record's dead letter."""
    return dead_letter_id(record.topic, record.partition, record.offset)


def letter_headers(record: Record, step: str, fault: Fault, attempts: int) -> Headers:
    """The record's own headers, then what failed, where and how often, by the names Kafka Connect uses."""
    said = {
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "connector.name": step,
        "stage": "VALUE_CONVERTER" if fault.reason == "invalid_event" else "TASK_PUT",
        "exception.class.name": type(fault).__name__,
        "exception.message": str(fault)[:_MESSAGE_LIMIT],
    }
    retryable = "false" if isinstance(fault, Poison) else "true"
    failed_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    ours = (letter_id(record), str(attempts), failed_at, fault.reason, retryable)
    return [
        *record.headers,
        *((_ERRORS + name, value.encode()) for name, value in said.items()),
        *((name, value.encode()) for name, value in zip(_OURS, ours, strict=True)),
    ]


def original_headers(letter: Record) -> Headers:
    """The headers the record had before it became a letter; what merely bears our names stays."""
    kept = [(name, value) for name, value in letter.headers if not name.startswith(_ERRORS)]
    tail = tuple(name for name, _ in kept[-len(_OURS) :])
    return kept[: -len(_OURS)] if tail == _OURS else kept


@dataclass(frozen=True)
class Letter:
    """What is said of a dead letter, without its key and value.

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
    def strays(self) -> bool:
        """Whether it claims to come from a topic other than the one it lies among the letters of."""
        return self.says_topic not in {None, self.topic.full_name}


def read_letter(record: Record, timestamp_ms: int) -> Letter:
    """A record of a topic of dead letters; what its headers do not say is told from its place."""
    said = {name: value.decode("utf-8", "replace")[:_MESSAGE_LIMIT] for name, value in record.headers}  # last ones win
    attempts = said.get("attempts", "")
    return Letter(
        id=said.get("dead-letter-id") or letter_id(record),
        topic=next(topic for topic in TOPICS if topic.dead_letter_name == record.topic),
        partition=record.partition,
        offset=record.offset,
        failed_at=_when(said.get("failed-at", ""), timestamp_ms),
        says_topic=said.get(f"{_ERRORS}topic"),
        step=said.get(f"{_ERRORS}connector.name", "unknown"),
        reason=said.get("reason", "unknown"),
        attempts=int(attempts) if attempts.isascii() and attempts.isdecimal() and len(attempts) < 10 else None,
        error=said.get(f"{_ERRORS}exception.message", ""),
        size=len(record.key or b"") + len(record.value or b""),
        redrive_of=said.get(REDRIVE_OF),
    )


def _when(text: str, timestamp_ms: int) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.fromtimestamp(min(max(0, timestamp_ms) / 1000, _LATEST_S), UTC)
