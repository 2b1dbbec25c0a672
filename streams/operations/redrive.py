"""Find dead letters, and redrive them: send them back to the topics they came from."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from schemas.faults import Poison
from streams.envelope import Headers, Message, Record
from streams.operations.topic_history import OffsetRanges, StoredRecord, TopicHistory
from streams.sending import send_in_order
from streams.stage.dead_letters import REDRIVE_OF, DeadLetter, original_headers, read_dead_letter
from streams.topics import REDRIVEN, TOPICS, Topic

_ID_CHARACTERS = 16
_MAX_EXAMPLES = 5


@dataclass(frozen=True)
class DeadLetterFilter:
    """A filter of dead letters; a field that is None matches all. `reason` is a fault's code."""

    topic: Topic | None = None
    since: datetime | None = None
    reason: str | None = None

    @property
    def is_selective(self) -> bool:
        """Return whether any field is set."""
        return any(value is not None for value in (self.topic, self.since, self.reason))

    def matches(self, letter: DeadLetter) -> bool:
        """Return whether the letter passes `since` and `reason`; its topic is not checked here."""
        in_time = self.since is None or letter.failed_at >= self.since
        return in_time and self.reason in {None, letter.reason}


@dataclass(frozen=True)
class Selection:
    """Dead letters to redrive, those that cannot be, and the number that is left out as redriven before.

    `foreign` have a foreign origin; `unreadable` have none of the bytes of the records that they stand for.
    """

    letters: tuple[DeadLetter, ...]
    foreign: tuple[DeadLetter, ...] = ()
    unreadable: tuple[DeadLetter, ...] = ()
    sent_before: int = 0


def dead_letter_topic(name: str) -> Topic:
    """Return the topic with this short or full name. Raises: `Poison` (`unknown_topic`) if it has no dead letters."""
    with_letters = [topic for topic in TOPICS if topic.dead_letters]
    for topic in with_letters:
        if name in {topic.name, topic.full_name, topic.dead_letter_name}:
            return topic
    choices = ", ".join(topic.name for topic in with_letters)
    raise Poison(f"'{name}' has no dead letters; choose from {choices}", reason="unknown_topic")


async def find_letters(history: TopicHistory, letter_filter: DeadLetterFilter) -> list[DeadLetter]:
    """Return the dead letters that match, newest first, each id once: an event can fail several times."""
    topics = [letter_filter.topic] if letter_filter.topic else [topic for topic in TOPICS if topic.dead_letters]
    found: dict[tuple[str, str], DeadLetter] = {}
    ranges = await history.offset_ranges([topic.dead_letter_name for topic in topics], since=letter_filter.since)
    async for batch in history.read(ranges):
        for letter in (read_dead_letter(stored.record, stored.timestamp_ms) for stored in batch):
            if letter_filter.matches(letter):
                key = letter.topic.name, letter.id
                found[key] = last_failure(found.get(key, letter), letter)
    return sorted(found.values(), key=lambda letter: (letter.failed_at, letter.id), reverse=True)


def last_failure(one: DeadLetter, other: DeadLetter) -> DeadLetter:
    """Return the later of two letters with one id, or the earlier where a crash has written the letter twice."""
    earlier, later = sorted((one, other), key=lambda letter: letter.failed_at)
    is_copy = (one.source_partition, one.source_offset) == (other.source_partition, other.source_offset)
    return earlier if is_copy else later


async def redriven_times(history: TopicHistory, letters: Iterable[DeadLetter]) -> dict[str, str]:
    """Return when dead letters were redriven (ISO 8601), by id, without those whose event has failed again since."""
    failed_ms = {letter.id: letter.failed_at.timestamp() * 1000 for letter in letters}
    times: dict[str, str] = {}
    async for batch in history.read(await history.offset_ranges([REDRIVEN])):
        for stored in batch:
            letter_id = (stored.record.key or b"").decode("utf-8", "replace")
            if stored.timestamp_ms + 1 > failed_ms.get(letter_id, inf):  # both are times of the broker
                times[letter_id] = _time_in(stored.record.value)
    return times


def _time_in(value: bytes | None) -> str:
    try:
        return str(json.loads(value or b"")["redriven_at"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "at an unknown time"


def find_by_id(letters: Sequence[DeadLetter], prefix: str) -> DeadLetter:
    """Return the dead letter with this id or unique prefix of an id.

    Raises: `Poison` if there is none (`unknown_letter`) or several (`ambiguous_letter`).
    """
    found = [letter for letter in letters if letter.id == prefix] or [
        letter for letter in letters if prefix and letter.id.startswith(prefix)
    ]
    if not found:
        raise Poison(f"no dead letter '{prefix}'; `bachata dead-letters list` lists them", reason="unknown_letter")
    if len(found) > 1:
        examples = ", ".join(letter.id[:_ID_CHARACTERS] for letter in found[:_MAX_EXAMPLES])
        raise Poison(
            f"'{prefix}' is ambiguous: {len(found)} letters, such as {examples}; give more of the id",
            "ambiguous_letter",
        )
    return found[0]


def select(letters: Sequence[DeadLetter], ids: Sequence[str], redriven: Collection[str]) -> Selection:
    """Return the dead letters with these ids, even if redriven before; without ids, all that were not redriven.

    `ids` may be prefixes; see `find_by_id`, also for the errors raised.
    """
    if ids:
        selected = list({letter.id: letter for letter in (find_by_id(letters, prefix) for prefix in ids)}.values())
    else:
        selected = [letter for letter in letters if letter.id not in redriven]
    own = [letter for letter in selected if not letter.has_foreign_origin]
    return Selection(
        letters=tuple(letter for letter in own if not letter.is_unreadable),
        foreign=tuple(letter for letter in selected if letter.has_foreign_origin),
        unreadable=tuple(letter for letter in own if letter.is_unreadable),
        sent_before=0 if ids else len(letters) - len(selected),
    )


async def read_record(history: TopicHistory, letter: DeadLetter) -> Record:
    """Return a dead letter's record with key, value and all headers. Raises: `Poison` if it is no longer stored."""
    async for batch in history.read(_ranges_around(_by_position([letter]))):
        for stored in batch:
            return stored.record
    raise Poison(f"the dead letter '{letter.id}' is no longer stored", reason="unknown_letter")


class Redriven(NamedTuple):
    """The ids of the letters that were sent, and why others cannot be sent, by id."""

    sent: list[str]
    refused: dict[str, str]


async def redrive(history: TopicHistory, producer: Any, letters: Iterable[DeadLetter]) -> Redriven:
    """Send dead letters back to their topics and record it, oldest first in each partition.

    A redrive is recorded only after the broker has acknowledged the letter, so after a crash in between the letter is
    sent again, with the same event id. A letter without its record's bytes is refused.
    """
    wanted = list(letters)
    chosen = _by_position(letter for letter in wanted if letter.omitted_because is None)
    result = Redriven([], {letter.id: _omitted(letter) for letter in wanted if letter.omitted_because is not None})
    async for batch in history.read(_ranges_around(chosen)):
        pairs = [(chosen[_position(stored)], stored.record) for stored in batch if _position(stored) in chosen]
        faults = await send_in_order(producer, [_original(letter, record) for letter, record in pairs])
        outcomes = [(letter, fault) for (letter, _), fault in zip(pairs, faults, strict=True)]
        result.refused.update({letter.id: str(fault) for letter, fault in outcomes if fault is not None})
        sent = [letter for letter, fault in outcomes if fault is None]
        await send_in_order(producer, [_redriven_message(letter) for letter in sent])
        result.sent.extend(letter.id for letter in sent)
    return result


def _omitted(letter: DeadLetter) -> str:
    place = f"{letter.topic.full_name}[{letter.source_partition}] at offset {letter.source_offset}"
    return f"it does not include its record ({letter.omitted_because}); that was {place}: send it again from its source"


def _original(letter: DeadLetter, record: Record) -> Message:
    return Message(letter.topic.full_name, record.key, record.value, redriven_headers(record, letter.id))


def redriven_headers(letter: Record, letter_id: str) -> Headers:
    """Return the original's headers, and one with the id of the dead letter."""
    original = [(name, value) for name, value in original_headers(letter) if name != REDRIVE_OF]
    return [*original, (REDRIVE_OF, letter_id.encode())]


def _redriven_message(letter: DeadLetter) -> Message:
    value = {"redriven_at": datetime.now(UTC).isoformat(timespec="milliseconds"), "topic": letter.topic.full_name}
    return Message(REDRIVEN, letter.id.encode(), json.dumps(value).encode(), [])


def _by_position(letters: Iterable[DeadLetter]) -> dict[tuple[str, int, int], DeadLetter]:
    return {(letter.topic.dead_letter_name, letter.partition, letter.offset): letter for letter in letters}


def _position(stored: StoredRecord) -> tuple[str, int, int]:
    return stored.record.topic, stored.record.partition, stored.record.offset


def _ranges_around(positions: Mapping[tuple[str, int, int], DeadLetter]) -> OffsetRanges:
    """Return the smallest ranges that contain all positions."""
    ranges: OffsetRanges = {}
    for topic, partition, offset in positions:
        tp = TopicPartition(topic, partition)
        first, end = ranges.get(tp, (offset, offset + 1))
        ranges[tp] = (min(first, offset), max(end, offset + 1))
    return ranges
