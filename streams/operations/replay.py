"""Replay: records of a topic are sent again, so that steps whose version changed since work on them anew.

A replayed event has a new id, says in `ce_replayof` which event it repeats and in `ce_replayid` which replay sent it.
The first is carried on to the events that follow from it; the second is not, and so tells the two apart.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any, NamedTuple

from agents.step import Step
from schemas.base import Payload
from schemas.faults import Poison
from schemas.progress import Progress
from streams.envelope import REPLAY_OF, REPLAY_TO, Headers, Record, payload_of
from streams.ids import digest
from streams.operations.topic_history import Archive, Kept, Spans
from streams.stage.dead_letters import letter_id
from streams.steps import STEPS
from streams.topics import PROGRESS, Topic, topic_of

REPLAY_ID = "ce_replayid"  # the replay that sent this very record
_CORRELATION = "ce_correlationid"
_REWRITTEN = {"ce_id", "ce_time", "ce_stepversion", REPLAY_OF, REPLAY_ID, REPLAY_TO}
_MEASURED_RECORDS = 5000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PREFIX = re.compile(r"[0-9a-f]{8,64}")

AnyStep = Step[Any, Any, Any]


def replayed_topic(name: str) -> Topic:
    """The topic of that short or full name. Raises `Poison` where no step reads it."""
    read = [topic_of(step.consumes) for step in STEPS]
    for topic in read:
        if name in {topic.name, topic.full_name}:
            return topic
    choices = ", ".join(topic.name for topic in read)
    raise Poison(f"no step reads '{name}'; choose from {choices}", reason="unknown_topic")


def way_of(topic: Topic, to_stage: str | None = None) -> list[AnyStep]:
    """The steps an event of the topic passes, up to and with `to_stage`. Raises `Poison` for a stage not among them."""
    steps: list[AnyStep] = []
    payload = topic.payload
    while step := next((step for step in STEPS if step.consumes is payload), None):
        steps.append(step)
        payload = step.produces
        if step.name == to_stage:
            return steps
    if to_stage is None:
        return steps
    choices = ", ".join(step.name for step in steps)
    raise Poison(f"'{to_stage}' is no step after {topic.name}; choose from {choices}", reason="unknown_stage")


def song_prefix(text: str) -> str:
    """The beginning of a sha256. Raises `Poison` for what is none, or too short to tell songs apart."""
    prefix = text.lower()
    if not _PREFIX.fullmatch(prefix):
        raise Poison(f"'{text}' is no sha256 of a song or clip, nor its first 8 or more digits", reason="invalid_song")
    return prefix


class Newest(NamedTuple):
    """The newest occurrence of an event in a range."""

    timestamp_ms: int
    partition: int
    offset: int
    size: int


@dataclass
class Survey:
    """What a range holds: each event once, by a digest of what names it; songs and requests by digests, too."""

    newest: dict[bytes, Newest] = field(default_factory=dict)
    songs: set[bytes] = field(default_factory=set)
    requests: set[bytes] = field(default_factory=set)
    matches: set[str] = field(default_factory=set)  # the sha256s that begin as asked
    by_path: int = 0  # records that name no sha256, where one was asked for

    @property
    def records(self) -> int:
        """How many events."""
        return len(self.newest)

    @property
    def size(self) -> int:
        """Bytes of their keys and values."""
        return sum(newest.size for newest in self.newest.values())

    def note(self, kept: Kept, topic: Topic, song: str | None) -> None:
        """Take a record in, if it is of the song."""
        said = _said(kept.record, topic)
        if song is not None and not self._is_of(said, song):
            return
        if song_or_path := said.sha256 or said.path:
            self.songs.add(_short(song_or_path))
        self.requests.add(_short(said.request_id))
        key = _name(kept.record)
        found = Newest(kept.timestamp_ms, kept.record.partition, kept.record.offset, kept.size)
        self.newest[key] = max(found, self.newest.get(key, found))

    def _is_of(self, said: _Said, song: str) -> bool:
        self.by_path += said.sha256 is None
        if said.sha256 is None or not said.sha256.startswith(song):
            return False
        self.matches.add(said.sha256)
        return True


async def survey(archive: Archive, spans: Spans, topic: Topic, song: str | None = None) -> Survey:
    """See what the ranges hold, of one song or of all. Values are not kept.

    Raises `Poison` where no song or more than one begins with `song`.
    """
    found = Survey()
    async for batch in archive.read(spans):
        for kept in batch:
            found.note(kept, topic, song)
    if song is not None and len(found.matches) != 1:
        raise _not_one(song, found)
    return found


def _not_one(song: str, found: Survey) -> Poison:
    if found.matches:
        some = ", ".join(sorted(found.matches)[:5])
        return Poison(f"'{song}' may be any of {len(found.matches)} songs: {some}", reason="ambiguous_song")
    by_path = f" ({found.by_path} records name no sha256)" if found.by_path else ""
    return Poison(f"no record in the range is of '{song}'{by_path}", reason="unknown_song")


@dataclass(frozen=True)
class Replay:
    """One replay of a topic: its id, the version of the step that reads it, and the step to end with, if any."""

    id: str
    topic: Topic
    version: str
    to_stage: str | None = None

    def headers(self, record: Record) -> Headers:
        """The record's headers, rewritten. A request that had only the event's id to be known by keeps it."""
        root = root_id(record)
        kept = [(name, value) for name, value in record.headers if name not in _REWRITTEN]
        if record.header(_CORRELATION) is None:
            kept.append((_CORRELATION, _said(record, self.topic).request_id.encode("utf-8", "replace")))
        said = [
            ("ce_id", digest("replay", root.decode("utf-8", "backslashreplace"), self.id).encode()),
            (REPLAY_OF, root),
            (REPLAY_ID, self.id.encode()),
            ("ce_time", datetime.now(UTC).isoformat(timespec="milliseconds").encode()),
            ("ce_stepversion", self.version.encode()),
        ]
        return [*kept, *said, *([(REPLAY_TO, self.to_stage.encode())] if self.to_stage else [])]

    async def send(self, archive: Archive, producer: Any, spans: Spans, chosen: Iterable[Newest]) -> int:
        """Send the chosen records of the ranges again and return how many; the broker has all of them then.

        They go where they were, partition by partition: what a step remembers of them lies there.
        """
        places = {(newest.partition, newest.offset) for newest in chosen}
        sent = 0
        async for batch in archive.read(spans):
            mine = [kept.record for kept in batch if (kept.record.partition, kept.record.offset) in places]
            await asyncio.gather(*[await self._send(producer, record) for record in mine])
            sent += len(mine)
        return sent

    async def _send(self, producer: Any, record: Record) -> Any:
        return await producer.send(
            record.topic, record.value, key=record.key, partition=record.partition, headers=self.headers(record)
        )


def root_id(record: Record) -> bytes:
    """The id of the event that a record is, or is a replay of; its place serves where it has none."""
    name = REPLAY_OF if _raw(record, REPLAY_ID) else "ce_id"
    return _raw(record, name) or letter_id(record).encode()


def _name(record: Record) -> bytes:
    """By CloudEvents, an id is one only together with its source."""
    return _digest(_raw(record, "ce_source") or b"", root_id(record))


def _raw(record: Record, name: str) -> bytes | None:
    return next((value for key, value in record.headers if key == name), None)


def _digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"\x00".join(parts)).digest()[:16]


def _short(text: str) -> bytes:
    return _digest(text.encode("utf-8", "backslashreplace"))


class _Said(NamedTuple):
    sha256: str | None
    path: str | None
    request_id: str


def _said(record: Record, topic: Topic) -> _Said:
    """Which song or clip, and which request. Large values are not opened where the key says it: our steps' events."""
    key = (record.key or b"").decode("utf-8", "replace")
    keyed = key if _SHA256.fullmatch(key) else None
    request_id = record.header(_CORRELATION)
    if keyed and request_id and any(step.produces is topic.payload for step in STEPS):
        return _Said(keyed, None, request_id)
    event = _event(record, topic)
    media = getattr(event, "song", None) or getattr(event, "source", None)
    return _Said(
        sha256=getattr(media, "sha256", None) or keyed,
        path=getattr(media, "path", None),
        request_id=getattr(event, "request_id", None) or request_id or root_id(record).decode("utf-8", "replace"),
    )


def _event(record: Record, topic: Topic) -> Payload | None:
    try:
        return payload_of(record, topic.payload)
    except Poison:
        return None


async def measured_seconds(archive: Archive, steps: Sequence[AnyStep]) -> dict[str, float]:
    """Median seconds of the steps' latest uncached work, by step; steps that were not measured are left out."""
    seconds: dict[str, list[float]] = {step.name: [] for step in steps}
    async for batch in archive.read(await archive.latest(PROGRESS.full_name, _MEASURED_RECORDS)):
        for said in (_event(kept.record, PROGRESS) for kept in batch):
            if isinstance(said, Progress) and said.state == "done" and not said.cached and said.step in seconds:
                seconds[said.step].append(said.seconds)
    return {name: median(values) for name, values in seconds.items() if values}


def estimated_seconds(records: int, steps: Sequence[AnyStep], measured: dict[str, float], at_once: int) -> float | None:
    """The most a replay can take where no step finds its result in the table; None where a step was not measured."""
    if any(step.name not in measured for step in steps):
        return None
    return records * sum(measured[step.name] for step in steps) / at_once
