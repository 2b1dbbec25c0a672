"""What was decided on requests, and the events of held ones: a view of two internal topics, stored in RocksDB.

Keys: `d` + request id holds what decided how the request ends, `cancel` with a subject or `end`: the first record of
the two counts, and all records of a request are in one partition, so every worker finds the same. `h` + request id
exists while the request is held; `e` + request id + topic + position holds an event of that topic; `p` + partition
name the position to read on from. Records that none of our programs writes are left out.
"""

from __future__ import annotations

import logging
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError
from rocksdict import WriteBatch

from schemas.base import REQUEST_ID, Name
from streams.envelope import Headers, Message, Record
from streams.stage.dead_letters import HELD_AT, partition_in, position_text
from streams.topics import HELD_EVENTS, REQUEST_DECISIONS, TOPICS
from streams.views.topic_view import Positions
from streams.views.view_store import ViewStore, lookup_options

log = logging.getLogger(__name__)
CONTROL_TOPICS = (REQUEST_DECISIONS, HELD_EVENTS)
END, HOLD, RESUME = b"end", b"hold", b"resume"
_CANCEL = b"cancel "
_DECISION_PREFIX, _HELD_PREFIX, _EVENT_PREFIX = b"d", b"h", b"e"
_SEPARATOR = b"/"  # it is in no request id
_TOPIC_HEADER, _KEY_HEADER = "bachata.held-topic", "bachata.held-key"
_SOURCES = frozenset(topic.full_name.encode() for topic in TOPICS if topic.dead_letters)  # those that steps read
_NAME: TypeAdapter[str] = TypeAdapter(Name)


class _StoredEvent(NamedTuple):
    """A held event with its bytes in Base64."""

    topic: str
    key: str | None
    value: str
    headers: tuple[tuple[str, str], ...]


_STORED_EVENT = TypeAdapter(_StoredEvent)


class ControlStore(ViewStore):
    """Implements `View`. Reads may come from any thread."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, lookup_options())
        self._held = {key[1:].decode() for key in self.keys(_HELD_PREFIX)}  # few, and looked up for each event

    def apply(self, records: Sequence[Record], positions: Positions) -> None:
        """Apply decisions and held events; they and the positions are written in one atomic batch."""
        batch, decided, held = WriteBatch(raw_mode=True), dict[bytes, bytes](), self._held
        for record in records:
            key = record.key or b""
            if not _is_ours(record):
                log.warning("a record that is not valid is left out: %s at offset %d", record.topic, record.offset)
            elif record.topic == HELD_EVENTS:
                _put(batch, _EVENT_PREFIX + key, _stored(record))
            elif record.value in {HOLD, RESUME}:
                _put(batch, _HELD_PREFIX + key, b"" if record.value == HOLD else None)
                held = held | {key.decode()} if record.value == HOLD else held - {key.decode()}
            elif self.db.get(_DECISION_PREFIX + key) is None:
                decided.setdefault(key, record.value or b"")
        for request_id, decision in decided.items():
            batch.put(_DECISION_PREFIX + request_id, decision)
        self.write(batch, positions)
        self._held = held

    def is_decided(self, request_id: str) -> bool:
        """Return whether it is decided how the request ends."""
        return self.db.get(_DECISION_PREFIX + request_id.encode()) is not None

    def cancelled(self, request_id: str) -> str | None:
        """Return the subject of a request that is cancelled, else None."""
        decision = self.db.get(_DECISION_PREFIX + request_id.encode())
        return decision[len(_CANCEL) :].decode() if decision is not None and decision.startswith(_CANCEL) else None

    def is_held(self, request_id: str) -> bool:
        """Return whether the request is held."""
        return request_id in self._held

    def held_events(self, request_id: str) -> Mapping[bytes, Message]:
        """Return the request's held events, each as it was on its topic, by the key of its record.

        Each goes back to its partition. Programs place keys differently, and a copy in another partition would be
        worked on beside the event itself, if that is read again after a crash.
        """
        keys = list(self.keys(_EVENT_PREFIX + request_id.encode() + _SEPARATOR))
        return {
            key[1:]: _restored(stored)._replace(partition=_partition_in(key))
            for key in keys
            if (stored := self.db.get(key)) is not None
        }


def cancel_decision(subject: str) -> bytes:
    """Return the value of the decision that a request is cancelled; `subject`: that of its outcome."""
    return _CANCEL + subject.encode()


def held_event(record: Record, request_id: str) -> Message:
    """Return the record that holds an event of a request, to be sent to the topic of held events."""
    first = record.header(HELD_AT) or position_text(record)
    added: Headers = [(_TOPIC_HEADER, record.topic.encode()), (HELD_AT, first.encode())]
    if record.key is not None:
        added.append((_KEY_HEADER, record.key))
    key = _SEPARATOR.join((request_id.encode(), record.topic.encode(), position_text(record).encode()))
    return Message(HELD_EVENTS, key, record.value or b"", [*record.headers, *added])


def released(key: bytes) -> Message:
    """Return the record that removes a held event; `key`: the key of its record."""
    return Message(HELD_EVENTS, key, None, [])


def _is_ours(record: Record) -> bool:
    """Return whether one of our programs can have written the record."""
    key = record.key or b""
    request_id = key.split(_SEPARATOR)[0] if record.topic == HELD_EVENTS else key
    try:
        REQUEST_ID.validate_python(request_id.decode())
        if record.topic == HELD_EVENTS:
            return record.value is None or _last_header(record, _TOPIC_HEADER) in _SOURCES
        value = record.value or b""
        if value.startswith(_CANCEL):
            _NAME.validate_python(value[len(_CANCEL) :].decode())
            return True
    except (UnicodeDecodeError, ValidationError):
        return False
    return value in {END, HOLD, RESUME}


def _put(batch: WriteBatch, key: bytes, value: bytes | None) -> None:
    if value is None:
        batch.delete(key)
    else:
        batch.put(key, value)


def _stored(record: Record) -> bytes | None:
    """Return a held event as it is stored; None where the record removes it."""
    if record.value is None:
        return None
    topic, key = _last_header(record, _TOPIC_HEADER) or b"", _last_header(record, _KEY_HEADER)
    headers = [(name, _text(value)) for name, value in record.headers if name not in {_TOPIC_HEADER, _KEY_HEADER}]
    event = _StoredEvent(topic.decode(), None if key is None else _text(key), _text(record.value), tuple(headers))
    return _STORED_EVENT.dump_json(event)


def _last_header(record: Record, name: str) -> bytes | None:
    return dict(record.headers).get(name)


def _restored(stored: bytes) -> Message:
    topic, key, value, headers = _STORED_EVENT.validate_json(stored)
    return Message(
        topic,
        None if key is None else b64decode(key),
        b64decode(value),
        [(name, b64decode(text)) for name, text in headers],
    )


def _partition_in(key: bytes) -> int | None:
    """Return the partition in the key of a held event, None in one of another program."""
    return partition_in(key.rpartition(_SEPARATOR)[2].decode("utf-8", "replace"))


def _text(value: bytes) -> str:
    return b64encode(value).decode()
