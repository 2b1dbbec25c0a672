"""Deterministic names: the same input, step version and options give the same key, event id and file."""

from __future__ import annotations

import hashlib
import secrets
import time


def digest(*parts: str) -> str:
    """The first 128 bits of the SHA-256 of the parts, as hex; parts cannot run into each other."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]


def event_id(cause: str, request_id: str) -> str:
    """Return the id of the event that a cause, such as a stored result, leads to for a request: always the same."""
    return digest(cause, request_id)


def place_id(topic: str, partition: int, offset: int, *more: str) -> str:
    """Return an id for the record at a place, 16 hex digits; `more` tells apart several ids of one record."""
    return digest(topic, str(partition), str(offset), *more)[:16]


def new_request_id() -> str:
    """A new id that sorts by time (UUID version 7, RFC 9562)."""
    milliseconds = int(time.time() * 1000)
    tail = secrets.randbits(74)
    number = milliseconds << 80 | 7 << 76 | (tail >> 62) << 64 | 2 << 62 | tail & (1 << 62) - 1
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
