"""Dead letters: finding them, and sending them back to the topics they came from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import TopicPartition

from schemas.faults import Poison
from streams.envelope import Headers, Record
from streams.operations.topic_history import OffsetRanges, StoredRecord, TopicHistory
from streams.stage.dead_letters import REDRIVE_OF, Letter, original_headers, read_letter
from streams.topics import REDRIVEN, TOPICS, Topic

_FULL_ID = 16


@dataclass(frozen=True)
class LetterFilter:
    """Which letters: all None means all of them. `reason` is a fault's code."""

    topic: Topic | None = None
    since: datetime | None = None
    reason: str | None = None

    @property
    def names_something(self) -> bool:
        """Whether it leaves any letter out."""
        return any(value is not None for value in (self.topic, self.since, self.reason))

    def matches(self, letter: Letter) -> bool:
        """Whether the letter is meant."""
        late_enough = self.since is None or letter.failed_at >= self.since
        return late_enough and self.reason in {None, letter.reason}


@dataclass(frozen=True)
class Selection:
    """Letters to be sent, those that claim to come from elsewhere, and how many were sent before."""

    letters: tuple[Letter, ...]
    strays: tuple[Letter, ...] = ()
    sent_before: int = 0


def letters_topic(name: str) -> Topic:
    """The topic of that short or full name. Raises `Poison` where none has it, or it has no dead letters."""
    with_letters = [topic for topic in TOPICS if topic.dead_letters]
    for topic in with_letters:
        if name in {topic.name, topic.full_name, topic.dead_letter_name}:
            return topic
    choices = ", ".join(topic.name for topic in with_letters)
    raise Poison(f"'{name}' has no dead letters; choose from {choices}", reason="unknown_topic")


async def find_letters(history: TopicHistory, wanted: LetterFilter) -> list[Letter]:
    """The letters that are wanted, newest first, each id once though a crash may have written it twice."""
    topics = [wanted.topic] if wanted.topic else [topic for topic in TOPICS if topic.dead_letters]
    found: dict[tuple[str, str], Letter] = {}
    ranges = await history.offset_ranges([topic.dead_letter_name for topic in topics], since=wanted.since)
    async for batch in history.read(ranges):
        for letter in (read_letter(stored.record, stored.timestamp_ms) for stored in batch):
            if wanted.matches(letter):
                found[letter.topic.name, letter.id] = letter
    return sorted(found.values(), key=lambda letter: (letter.failed_at, letter.id), reverse=True)


async def redriven_times(history: TopicHistory) -> dict[str, str]:
    """When letters were sent on their way again (ISO 8601), by letter id."""
    times: dict[str, str] = {}
    async for batch in history.read(await history.offset_ranges([REDRIVEN])):
        for record in (stored.record for stored in batch):
            times[(record.key or b"").decode("utf-8", "replace")] = _time_in(record.value)
    return times


def _time_in(value: bytes | None) -> str:
    try:
        return str(json.loads(value or b"")["redriven_at"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "at an unknown time"


def letter_named(letters: Sequence[Letter], name: str) -> Letter:
    """The letter of that id, or of the one id that begins so. Raises `Poison` where it is none or several."""
    found = [letter for letter in letters if letter.id == name] or [
        letter for letter in letters if name and letter.id.startswith(name)
    ]
    if not found:
        raise Poison(f"no dead letter '{name}'; `bachata dead-letters list` shows them", reason="unknown_letter")
    if len(found) > 1:
        some = ", ".join(letter.id[:_FULL_ID] for letter in found[:5])
        raise Poison(f"'{name}' may be any of {len(found)} letters: {some}; give more of the id", "ambiguous_letter")
    return found[0]


def choose(letters: Sequence[Letter], names: Sequence[str], redriven: Collection[str]) -> Selection:
    """The letters named, even if they were sent before; without names, all that were not."""
    if names:
        meant = list({letter.id: letter for letter in (letter_named(letters, name) for name in names)}.values())
    else:
        meant = [letter for letter in letters if letter.id not in redriven]
    return Selection(
        letters=tuple(letter for letter in meant if not letter.has_foreign_origin),
        strays=tuple(letter for letter in meant if letter.has_foreign_origin),
        sent_before=0 if names else len(letters) - len(meant),
    )


async def record_of(history: TopicHistory, letter: Letter) -> Record:
    """A letter's record with key, value and all headers. Raises `Poison` where the topic no longer keeps it."""
    async for batch in history.read(_around(_by_place([letter]))):
        for stored in batch:
            return stored.record
    raise Poison(f"the dead letter '{letter.id}' is stored no longer", reason="unknown_letter")


async def redrive(history: TopicHistory, producer: Any, letters: Iterable[Letter]) -> list[str]:
    """Send letters back to the topics they came from and note it, oldest first in each partition.

    Returns the ids that were sent. A letter is noted only when the broker has what was sent, so a crash in between
    sends it once more, with the id it always had.
    """
    chosen = _by_place(letters)
    sent: list[str] = []
    async for batch in history.read(_around(chosen)):
        mine = [(chosen[_place(stored)], stored.record) for stored in batch if _place(stored) in chosen]
        await _in_order(producer, [_original(letter, record) for letter, record in mine])
        await _in_order(producer, [_note(letter) for letter, _ in mine])
        sent += [letter.id for letter, _ in mine]
    return sent


async def _in_order(producer: Any, messages: Sequence[dict[str, Any]]) -> None:
    await asyncio.gather(*[await producer.send(**message) for message in messages])


def _original(letter: Letter, record: Record) -> dict[str, Any]:
    headers = redriven_headers(record, letter.id)
    return {"topic": letter.topic.full_name, "key": record.key, "value": record.value, "headers": headers}


def redriven_headers(letter: Record, id_: str) -> Headers:
    """The original's headers, and the letter it comes from."""
    original = [(name, value) for name, value in original_headers(letter) if name != REDRIVE_OF]
    return [*original, (REDRIVE_OF, id_.encode())]


def _note(letter: Letter) -> dict[str, Any]:
    note = {"redriven_at": datetime.now(UTC).isoformat(timespec="milliseconds"), "topic": letter.topic.full_name}
    return {"topic": REDRIVEN, "key": letter.id.encode(), "value": json.dumps(note).encode()}


def _by_place(letters: Iterable[Letter]) -> dict[tuple[str, int, int], Letter]:
    return {(letter.topic.dead_letter_name, letter.partition, letter.offset): letter for letter in letters}


def _place(stored: StoredRecord) -> tuple[str, int, int]:
    return stored.record.topic, stored.record.partition, stored.record.offset


def _around(places: Mapping[tuple[str, int, int], Letter]) -> OffsetRanges:
    """The smallest ranges that hold all of the places."""
    ranges: OffsetRanges = {}
    for topic, partition, offset in places:
        where = TopicPartition(topic, partition)
        first, end = ranges.get(where, (offset, offset + 1))
        ranges[where] = (min(first, offset), max(end, offset + 1))
    return ranges
