"""Deterministic names: the same input, step version and options give the same key, event id and file."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: object) -> str:
    """One spelling for one value: sorted keys, no spaces, finite numbers only (else `ValueError`)."""
    return _CANONICAL.encode(value)


def digest(*parts: str) -> str:
    """The first 128 bits of the SHA-256 of the parts, as hex; parts cannot run into each other."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]


def work_key(step: str, version: str, known_by: Mapping[str, Any]) -> str:
    """The key under which a step remembers its result."""
    return digest(step, version, canonical_json(known_by))


def event_id(work: str, request_id: str) -> str:
    """The id of the event that tells a request of a step's result; the same however often it is sent."""
    return digest(work, request_id)


def dead_letter_id(topic: str, partition: int, offset: int) -> str:
    """A dead letter's id: one for each record, however often the record fails."""
    return digest(topic, str(partition), str(offset))[:16]


def new_request_id() -> str:
    """A new id that sorts by time (UUID version 7, RFC 9562)."""
    milliseconds = int(time.time() * 1000)
    tail = secrets.randbits(74)
    number = milliseconds << 80 | 7 << 76 | (tail >> 62) << 64 | 2 << 62 | tail & (1 << 62) - 1
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
