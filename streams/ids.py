"""Deterministic ids: the same input, step version and options give the same key, event id and file name."""

from __future__ import annotations

import hashlib
import secrets
import time

_MIN_HASH_DIGITS = 4


def digest(*parts: str) -> str:
    """Return the first 128 bits of the SHA-256 of the parts, as hex; "ab", "c" differs from "a", "bc"."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]


def event_id(cause: str, request_id: str) -> str:
    """Return the id of the event that a cause, such as a stored result, produces for a request: always the same."""
    return digest(cause, request_id)


def position_id(topic: str, partition: int, offset: int, *parts: str) -> str:
    """Return an id for the record at a position, 16 hex digits; `parts` distinguish several ids of one record."""
    return digest(topic, str(partition), str(offset), *parts)[:16]


def new_request_id() -> str:
    """Return a new id that sorts by time (UUID version 7, RFC 9562)."""
    milliseconds = int(time.time() * 1000)
    random_bits = secrets.randbits(74)
    number = milliseconds << 80 | 7 << 76 | (random_bits >> 62) << 64 | 2 << 62 | random_bits & (1 << 62) - 1
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def begins_hash(digits: str, sha256: str) -> bool:
    """Return whether a user's digits, at least four, are the beginning of a SHA-256."""
    return len(digits) >= _MIN_HASH_DIGITS and sha256.startswith(digits.lower())
