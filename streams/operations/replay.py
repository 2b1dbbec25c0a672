"""Replay: records of a topic are sent again, so that steps whose version has changed process them again.

A replayed event has a new id, the id of the event that it repeats in `ce_replayof`, and that of the replay in
`ce_replayid`. The first header is copied to the events that follow from it, the second is not: so a replayed event
can be distinguished from an event that follows from one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any, NamedTuple

from schemas.base import Model
from schemas.faults import Poison
from schemas.progress import Progress
from streams.envelope import REPLAY_OF, REPLAY_SIGNATURE, REPLAY_TO, Headers, Message, Record, payload_of
from streams.ids import digest
from streams.operations.topic_history import OffsetRanges, StoredRecord, TopicHistory
from streams.replay_limit import limit_headers
from streams.sending import send_in_order
from streams.stage.dead_letters import record_id
from streams.stage.runners import AnyStep
from streams.steps import STEPS
from streams.topics import PROGRESS, Topic, topic_of

REPLAY_ID = "ce_replayid"  # the replay that sent this record itself
_CORRELATION = "ce_correlationid"
_REWRITTEN = {"ce_id", "ce_time", "ce_stepversion", REPLAY_OF, REPLAY_ID, REPLAY_TO, REPLAY_SIGNATURE}
_MEASURED_RECORDS = 5000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA256_PREFIX = re.compile(r"[0-9a-f]{8,64}")


def replayed_topic(name: str) -> Topic:
    """Return the topic with this short or full name. Raises: `Poison` (`unknown_topic`) if no step consumes it."""
    consumed = list(dict.fromkeys(topic_of(step.consumes) for step in STEPS))
    for topic in consumed:
        if name in {topic.name, topic.full_name}:
            return topic
    choices = ", ".join(topic.name for topic in consumed)
    raise Poison(f"no step consumes '{name}'; choose from {choices}", reason="unknown_topic")


def steps_after(topic: Topic, to_step: str | None = None) -> list[AnyStep]:
    """Return the steps that process an event of the topic or what follows from it, in order, each once.

    The steps that follow `to_step` are left out. Raises: `Poison` (`unknown_step`) if `to_step` is not among the steps.
    """
    steps: list[AnyStep] = []
    payloads: list[type[Model] | None] = [topic.payload]
    for payload in payloads:
        readers = [step for step in STEPS if step.consumes is payload]
        steps += [step for step in readers if step not in steps]
        payloads += [step.produces for step in readers if step.name != to_step and step.produces not in payloads]
    if to_step is None or any(step.name == to_step for step in steps):
        return steps
    choices = ", ".join(step.name for step in steps)
    raise Poison(f"'{to_step}' is not a step after {topic.name}; choose from {choices}", reason="unknown_step")


def song_prefix(text: str) -> str:
    """Return a sha256 prefix in lower case. Raises: `Poison` (`invalid_song`) unless it has 8 to 64 hex digits."""
    prefix = text.lower()
    if not _SHA256_PREFIX.fullmatch(prefix):
        raise Poison(
            f"'{text}' is not the sha256 of a song or clip, or its first 8 or more digits", reason="invalid_song"
        )
    return prefix


class Newest(NamedTuple):
    """The newest occurrence of an event in a range."""

    timestamp_ms: int
    partition: int
    offset: int
    size: int


@dataclass
class Survey:
    """The events of a range, each once, by a digest of source and id; songs and requests are stored as digests, too."""

    newest: dict[bytes, Newest] = field(default_factory=dict)
    songs: set[bytes] = field(default_factory=set)
    requests: set[bytes] = field(default_factory=set)
    matches: set[str] = field(default_factory=set)  # the sha256s with the requested prefix
    by_path: int = 0  # records without a sha256, if one was requested

    @property
    def records(self) -> int:
        """Return the number of events."""
        return len(self.newest)

    @property
    def size(self) -> int:
        """Return the bytes of their keys and values."""
        return sum(newest.size for newest in self.newest.values())

    def add(self, stored: StoredRecord, topic: Topic, song: str | None) -> None:
        """Add a record, if it is of the song or `song` is None."""
        subject = _subject(stored.record, topic)
        if song is not None and not self._is_of(subject, song):
            return
        if song_or_path := subject.sha256 or subject.path:
            self.songs.add(_text_digest(song_or_path))
        self.requests.add(_text_digest(subject.request_id))
        key = _event_key(stored.record)
        occurrence = Newest(stored.timestamp_ms, stored.record.partition, stored.record.offset, stored.size)
        self.newest[key] = max(occurrence, self.newest.get(key, occurrence))

    def _is_of(self, subject: _Subject, song: str) -> bool:
        self.by_path += subject.sha256 is None
        if subject.sha256 is None or not subject.sha256.startswith(song):
            return False
        self.matches.add(subject.sha256)
        return True


async def survey(history: TopicHistory, ranges: OffsetRanges, topic: Topic, song: str | None = None) -> Survey:
    """Return what the ranges contain, of one song or of all. Values are not kept in memory.

    Raises: `Poison` if no song (`unknown_song`) or more than one (`ambiguous_song`) begins with `song`.
    """
    found = Survey()
    async for batch in history.read(ranges):
        for stored in batch:
            found.add(stored, topic, song)
    if song is not None and len(found.matches) != 1:
        raise _no_single_song(song, found)
    return found


def _no_single_song(song: str, found: Survey) -> Poison:
    if found.matches:
        examples = ", ".join(sorted(found.matches)[:5])
        return Poison(f"'{song}' is ambiguous: {len(found.matches)} songs, such as {examples}", reason="ambiguous_song")
    by_path = f" ({found.by_path} records have no sha256)" if found.by_path else ""
    return Poison(f"no record in the range is of song '{song}'{by_path}", reason="unknown_song")


@dataclass(frozen=True)
class Replay:
    """One replay of a topic: its id, the version of the step that consumes it, and the last step, if any.

    `key` signs the last step: see `replay_key`.
    """

    id: str
    topic: Topic
    version: str
    to_step: str | None = None
    key: bytes = b""

    def _message(self, record: Record) -> Message:
        """Return the message that replays a record, in its partition: there are the results of its steps."""
        return Message(record.topic, record.key, record.value, self.headers(record), record.partition)

    def headers(self, record: Record) -> Headers:
        """Return the record's headers, rewritten. A request that is identified by the event's id keeps that id."""
        root, request_id = root_id(record), _subject(record, self.topic).request_id
        stored = [(name, value) for name, value in record.headers if name not in _REWRITTEN]
        if record.header(_CORRELATION) is None:
            stored.append((_CORRELATION, request_id.encode("utf-8", "replace")))
        added = [
            ("ce_id", digest("replay", root.decode("utf-8", "backslashreplace"), self.id).encode()),
            (REPLAY_OF, root),
            (REPLAY_ID, self.id.encode()),
            ("ce_time", datetime.now(UTC).isoformat(timespec="milliseconds").encode()),
            ("ce_stepversion", self.version.encode()),
        ]
        limit = limit_headers(self.key, root, self.to_step, request_id) if self.to_step else []
        return [*stored, *added, *limit]

    async def send(self, history: TopicHistory, producer: Any, ranges: OffsetRanges, chosen: Iterable[Newest]) -> int:
        """Send the chosen records of the ranges again; return their number when the broker has acknowledged all.

        Each is sent to the partition it was read from: a step's stored results are partitioned in the same way.
        Raises: `Poison` if some can never be sent, after all others are sent.
        """
        positions = {(newest.partition, newest.offset) for newest in chosen}
        sent, refused = 0, list[Poison]()
        async for batch in history.read(ranges):
            records = [
                stored.record for stored in batch if (stored.record.partition, stored.record.offset) in positions
            ]
            faults = await send_in_order(producer, [self._message(record) for record in records])
            refused += filter(None, faults)
            sent += faults.count(None)
        if refused:
            raise Poison(f"{sent} records are sent, {len(refused)} cannot be: {refused[0]}", refused[0].reason)
        return sent


def root_id(record: Record) -> bytes:
    """Return the id of the event in a record, or of the event that it replays; without an id, that of the record."""
    name = REPLAY_OF if record.raw_header(REPLAY_ID) else "ce_id"
    return record.raw_header(name) or record_id(record).encode()


def _event_key(record: Record) -> bytes:
    """Return a digest of source and id: a CloudEvents id is unique only within its source."""
    return _digest(record.raw_header("ce_source") or b"", root_id(record))


def _digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"\x00".join(parts)).digest()[:16]


def _text_digest(text: str) -> bytes:
    return _digest(text.encode("utf-8", "backslashreplace"))


class _Subject(NamedTuple):
    sha256: str | None
    path: str | None
    request_id: str


def _subject(record: Record, topic: Topic) -> _Subject:
    """Return the song or clip and the request of a record.

    The values of our steps' events are large and are not parsed: their key is the sha256.
    """
    key = (record.key or b"").decode("utf-8", "replace")
    keyed = key if _SHA256.fullmatch(key) else None
    request_id = record.header(_CORRELATION)
    if keyed and request_id and any(step.produces is topic.payload for step in STEPS):
        return _Subject(keyed, None, request_id)
    event = _event(record, topic)
    media = getattr(event, "song", None) or getattr(event, "source", None)
    return _Subject(
        sha256=getattr(media, "sha256", None) or keyed,
        path=getattr(media, "path", None),
        request_id=getattr(event, "request_id", None) or request_id or root_id(record).decode("utf-8", "replace"),
    )


def _event(record: Record, topic: Topic) -> Model | None:
    try:
        return payload_of(record, topic.payload)
    except Poison:
        return None


async def measured_seconds(history: TopicHistory, steps: Sequence[AnyStep]) -> dict[str, float]:
    """Return the median seconds of the steps' latest uncached work, by step, without steps that were not measured."""
    seconds: dict[str, list[float]] = {step.name: [] for step in steps}
    async for batch in history.read(await history.latest(PROGRESS.full_name, _MEASURED_RECORDS)):
        for progress in (_event(stored.record, PROGRESS) for stored in batch):
            if (
                isinstance(progress, Progress)
                and progress.state == "done"
                and not progress.cached
                and progress.step in seconds
            ):
                seconds[progress.step].append(progress.seconds)
    return {name: median(values) for name, values in seconds.items() if values}


def estimated_seconds(
    records: int, steps: Sequence[AnyStep], measured: dict[str, float], max_concurrent: int
) -> float | None:
    """Return the maximum seconds of a replay, if no step has a cached result; None if a step has no measurements."""
    if any(step.name not in measured for step in steps):
        return None
    return records * sum(measured[step.name] for step in steps) / max_concurrent
