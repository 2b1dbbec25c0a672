"""The state of every request: a view of `progress` and `request-ended`, stored in RocksDB.

Keys: `r` + request id holds the request's state; `t` + time of its first message + request id gives the order of
requests; `p` + partition name holds the position to read on from.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from pathlib import Path
from time import time_ns
from typing import Any, cast

from pydantic import TypeAdapter
from rocksdict import WriteBatch

from schemas.faults import Poison
from schemas.progress import Progress
from schemas.request_ended import RequestEnded
from streams.envelope import Record, payload_of
from streams.topics import PROGRESS, REQUEST_ENDED
from streams.views.topic_view import Positions
from streams.views.view_store import ViewStore, lookup_options

log = logging.getLogger(__name__)
TOPICS = (PROGRESS.full_name, REQUEST_ENDED.full_name)

_REQUEST_PREFIX, _FIRST_TIME_PREFIX = b"r", b"t"
_AFTER_FIRST_TIMES = bytes([_FIRST_TIME_PREFIX[0] + 1])  # greater than every key with that prefix
_TIME_DIGITS = 16  # of a time in nanoseconds, as hex
_UNFINISHED = frozenset({"started", "running", "waiting"})
_MAX_STEPS = 32  # of one request: each message of it reads and writes them all
_STEP_FIELDS = (
    "state",
    "fraction",
    "cached",
    "seconds",
    "cpu_seconds",
    "peak_rss_bytes",
    "reason",
    "error",
    "dead_letter_id",
)
_ENDED_FIELDS = ("outcome", "reason", "error", "dead_letter_id", "clip_sha256")

_Message = Progress | RequestEnded
_JSON = TypeAdapter(dict[str, Any])  # a third of the cost of the standard library's json


class Requests(ViewStore):
    """Implements `View`. Reads may come from any thread. Of a request's steps the first 32 names are stored."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, lookup_options())

    def apply(self, records: Sequence[Record], positions: Positions) -> None:
        """Merge the messages into their requests; they and the positions are written in one atomic batch."""
        batch = WriteBatch(raw_mode=True)
        for request_id, messages in _by_request(records).items():
            self._put_merged(batch, request_id, messages)
        self.write(batch, positions)

    def get(self, request_id: str) -> dict[str, Any] | None:
        """Return the state of a request, or None if it is unknown."""
        stored = self.db.get(_REQUEST_PREFIX + request_id.encode())
        return None if stored is None else _JSON.validate_json(stored)

    def has(self, request_id: str) -> bool:
        """Return whether a request is known."""
        return self.get(request_id) is not None

    def has_ended(self, request_id: str) -> bool:
        """Return whether the request has an outcome."""
        request = self.get(request_id)
        return request is not None and request["outcome"] is not None

    def subject(self, request_id: str) -> str | None:
        """Return the title of a request's song or the name of its clip, or None if the request is unknown."""
        request = self.get(request_id)
        return None if request is None else str(request["subject"])

    def recent(self, limit: int = 50) -> list[dict[str, Any]]:
        """Return up to `limit` requests, newest first."""
        ids = [key.decode() for key in islice(self._newest(), limit)]
        return [request for request_id in ids if (request := self.get(request_id)) is not None]

    def _put_merged(self, batch: WriteBatch, request_id: str, messages: list[_Message]) -> None:
        request = self.get(request_id)
        if request is None:
            batch.put(_FIRST_TIME_PREFIX + b"%016x" % time_ns() + request_id.encode(), b"")
            request = {"request_id": request_id, "steps": {}, "outcome": None}
        for message in messages:
            _merge(request, message)
        batch.put(_REQUEST_PREFIX + request_id.encode(), _JSON.dump_json(request))

    def _newest(self) -> Iterator[bytes]:
        keys = cast("Iterator[bytes]", self.db.keys(backwards=True, from_key=_AFTER_FIRST_TIMES))
        return (key[1 + _TIME_DIGITS :] for key in takewhile(lambda key: key.startswith(_FIRST_TIME_PREFIX), keys))


def _by_request(records: Sequence[Record]) -> dict[str, list[_Message]]:
    messages: dict[str, list[_Message]] = {}
    for record in records:
        try:
            message = _read(record)
        except Poison as fault:
            if record.unreadable is not None:
                log.warning("records are skipped: %s", fault)
            continue
        messages.setdefault(message.request_id, []).append(message)
    return messages


def _read(record: Record) -> _Message:
    if record.topic == REQUEST_ENDED.full_name:
        return payload_of(record, RequestEnded)
    return payload_of(record, Progress)


def _merge(request: dict[str, Any], message: _Message) -> None:
    request["subject"] = message.subject
    if isinstance(message, RequestEnded):
        video = message.video and message.video.model_dump(mode="json")
        request |= {name: getattr(message, name) for name in _ENDED_FIELDS}
        if message.outcome == "cancelled":
            for step in request["steps"].values():
                step["state"] = "cancelled" if step["state"] in _UNFINISHED else step["state"]
        request |= {"video": video, "ended_by": message.step}
    elif message.step in request["steps"] or len(request["steps"]) < _MAX_STEPS:
        request["steps"][message.step] = {name: getattr(message, name) for name in _STEP_FIELDS}
