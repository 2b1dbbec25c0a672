"""Dead letters: the original key and value, byte for byte, with headers that say what failed."""

from __future__ import annotations

from datetime import UTC, datetime

from schemas.faults import Fault, Poison
from streams.envelope import Headers, Record
from streams.identity import dead_letter_id

_ERRORS = "__connect.errors."
_MESSAGE_LIMIT = 1000


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
    ours = {
        "dead-letter-id": letter_id(record),
        "attempts": str(attempts),
        "failed-at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "reason": fault.reason,
        "retryable": "false" if isinstance(fault, Poison) else "true",
    }
    return [
        *record.headers,
        *((_ERRORS + name, value.encode()) for name, value in said.items()),
        *((name, value.encode()) for name, value in ours.items()),
    ]
