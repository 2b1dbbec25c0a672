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

from schemas.base import Model
from schemas.faults import Poison
from schemas.progress import Progress
from streams.envelope import REPLAY_OF, REPLAY_TO, Headers, Record, payload_of
from streams.ids import digest
from streams.operations.topic_history import OffsetRanges, StoredRecord, TopicHistory
from streams.stage.dead_letters import record_id
from streams.stage.runners import AnyStep
from streams.steps import STEPS
from streams.topics import PROGRESS, Topic, topic_of

REPLAY_ID = "ce_replayid"  # the replay that sent this very record
_CORRELATION = "ce_correlationid"
_REWRITTEN = {"ce_id", "ce_time", "ce_stepversion", REPLAY_OF, REPLAY_ID, REPLAY_TO}
_MEASURED_RECORDS = 5000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PREFIX = re.compile(r"[0-9a-f]{8,64}")


def replayed_topic(name: str) -> Topic:
    """The topic of that short or full name. Raises `Poison` where no step reads it."""
    read = list(dict.fromkeys(topic_of(step.consumes) for step in STEPS))
    for topic in read:
        if name in {topic.name, topic.full_name}:
            return topic
    choices = ", ".join(topic.name for topic in read)
    raise Poison(f"no step reads '{name}'; choose from {choices}", reason="unknown_topic")


def steps_after(topic: Topic, to_step: str | None = None) -> list[AnyStep]:
    """Return the steps that an event of the topic leads to, in order and each once, without what follows `to_step`.

    Other steps that read a topic on the way are among them.

    Raises `Poison` (`unknown_step`) where `to_step` is not among them.
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
    raise Poison(f"'{to_step}' is no step after {topic.name}; choose from {choices}", reason="unknown_step")


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
    matches: set[str] = field(default_factory=set)  # the sha256s that begin as was given
    by_path: int = 0  # records that name no sha256, where one was given

    @property
    def records(self) -> int:
        """How many events."""
        return len(self.newest)

    @property
    def size(self) -> int:
        """Bytes of their keys and values."""
        return sum(newest.size for newest in self.newest.values())

    def note(self, stored: StoredRecord, topic: Topic, song: str | None) -> None:
        """Take a record in, if it is of the song."""
        about = _about(stored.record, topic)
        if song is not None and not self._is_of(about, song):
            return
        if song_or_path := about.sha256 or about.path:
            self.songs.add(_short(song_or_path))
        self.requests.add(_short(about.request_id))
        key = _name(stored.record)
        found = Newest(stored.timestamp_ms, stored.record.partition, stored.record.offset, stored.size)
        self.newest[key] = max(found, self.newest.get(key, found))

    def _is_of(self, about: _About, song: str) -> bool:
        self.by_path += about.sha256 is None
        if about.sha256 is None or not about.sha256.startswith(song):
            return False
        self.matches.add(about.sha256)
        return True


async def survey(history: TopicHistory, ranges: OffsetRanges, topic: Topic, song: str | None = None) -> Survey:
    """See what the ranges hold, of one song or of all. Values are not kept in memory.

    Raises `Poison` where no song or more than one begins with `song`.
    """
    found = Survey()
    async for batch in history.read(ranges):
        for stored in batch:
            found.note(stored, topic, song)
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
    to_step: str | None = None

    def headers(self, record: Record) -> Headers:
        """The record's headers, rewritten. A request that had only the event's id to be known by keeps it."""
        root = root_id(record)
        stored = [(name, value) for name, value in record.headers if name not in _REWRITTEN]
        if record.header(_CORRELATION) is None:
            stored.append((_CORRELATION, _about(record, self.topic).request_id.encode("utf-8", "replace")))
        added = [
            ("ce_id", digest("replay", root.decode("utf-8", "backslashreplace"), self.id).encode()),
            (REPLAY_OF, root),
            (REPLAY_ID, self.id.encode()),
            ("ce_time", datetime.now(UTC).isoformat(timespec="milliseconds").encode()),
            ("ce_stepversion", self.version.encode()),
        ]
        return [*stored, *added, *([(REPLAY_TO, self.to_step.encode())] if self.to_step else [])]

    async def send(self, history: TopicHistory, producer: Any, ranges: OffsetRanges, chosen: Iterable[Newest]) -> int:
        """Send the chosen records of the ranges again and return how many; the broker has all of them then.

        They go where they were, partition by partition: what a step remembers of them lies there.
        """
        places = {(newest.partition, newest.offset) for newest in chosen}
        sent = 0
        async for batch in history.read(ranges):
            mine = [stored.record for stored in batch if (stored.record.partition, stored.record.offset) in places]
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
    return _raw(record, name) or record_id(record).encode()


def _name(record: Record) -> bytes:
    """By CloudEvents, an id is one only together with its source."""
    return _digest(_raw(record, "ce_source") or b"", root_id(record))


def _raw(record: Record, name: str) -> bytes | None:
    return next((value for key, value in record.headers if key == name), None)


def _digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"\x00".join(parts)).digest()[:16]


def _short(text: str) -> bytes:
    return _digest(text.encode("utf-8", "backslashreplace"))


class _About(NamedTuple):
    sha256: str | None
    path: str | None
    request_id: str


def _about(record: Record, topic: Topic) -> _About:
    """Which song or clip, and which request. Large values are not opened where the key says it: our steps' events."""
    key = (record.key or b"").decode("utf-8", "replace")
    keyed = key if _SHA256.fullmatch(key) else None
    request_id = record.header(_CORRELATION)
    if keyed and request_id and any(step.produces is topic.payload for step in STEPS):
        return _About(keyed, None, request_id)
    event = _event(record, topic)
    media = getattr(event, "song", None) or getattr(event, "source", None)
    return _About(
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
    """Median seconds of the steps' latest uncached work, by step; steps that were not measured are left out."""
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


def estimated_seconds(records: int, steps: Sequence[AnyStep], measured: dict[str, float], at_once: int) -> float | None:
    """The most a replay can take where no step finds its result in the table; None where a step was not measured."""
    if any(step.name not in measured for step in steps):
        return None
    return records * sum(measured[step.name] for step in steps) / at_once
