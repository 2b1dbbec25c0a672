"""The history of topics, read by ranges of offsets: in no group, with nothing committed, so no live offset moves."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from types import TracebackType
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition

from schemas.faults import Poison, Retryable
from streams.envelope import Record
from streams.kafka import kafka_faults, make_consumer, make_producer, record_of
from streams.topics import PARTITIONS

Bound = int | datetime | None
OffsetRanges = dict[TopicPartition, tuple[int, int]]
OnProgress = Callable[[int, int], None]

_BATCH = 200
_STALLED_S = 30.0
_FETCH_BYTES = 4 << 20  # a record that is larger comes all the same, alone
_EPOCH = datetime.fromtimestamp(0, UTC)
_AGE = re.compile(r"([0-9]{1,9})([smhdw])")
_OFFSET = re.compile(r"[0-9]{1,19}")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class StoredRecord:
    """A record and when it was written, in milliseconds since 1970 (UTC)."""

    record: Record
    timestamp_ms: int

    @property
    def size(self) -> int:
        """Bytes of key and value."""
        return len(self.record.key or b"") + len(self.record.value or b"")


def _ignore(read: int, total: int) -> None:
    del read, total


class TopicHistory:
    """Reads topics of Kafka at `bootstrap`. Faults of the broker are raised as `Retryable`.

    `on_progress` is called with how many records of the ranges are read, and how many there are.
    """

    def __init__(self, bootstrap: str, on_progress: OnProgress = _ignore) -> None:
        self.bootstrap = bootstrap
        self._on_progress = on_progress
        self._consumer = make_consumer(bootstrap, auto_offset_reset="earliest", fetch_max_bytes=_FETCH_BYTES)

    async def __aenter__(self) -> TopicHistory:
        try:
            with kafka_faults(self.bootstrap):
                await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def offset_ranges(self, topics: Collection[str], since: Bound = None, until: Bound = None) -> OffsetRanges:
        """Return each partition's offsets from `since` up to but without `until`, at most to today's end."""
        places = [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]
        with kafka_faults(self.bootstrap):
            ends = await self._consumer.end_offsets(places)
            begins = await self._consumer.beginning_offsets(places)
            first = await self._offsets(since, begins, ends)
            last = await self._offsets(until, ends, ends)
        return {
            place: (max(first[place], begins[place]), min(last[place], ends[place]))
            for place in places
            if max(first[place], begins[place]) < min(last[place], ends[place])
        }

    async def latest(self, topic: str, records: int) -> OffsetRanges:
        """Return the last `records` offsets of each partition."""
        ranges = await self.offset_ranges([topic])
        return {place: (max(first, end - records), end) for place, (first, end) in ranges.items()}

    async def _offsets(
        self, bound: Bound, default: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> Mapping[TopicPartition, int]:
        if bound is None:
            return default
        if isinstance(bound, int):
            return dict.fromkeys(default, bound)
        moment_ms = max(0, int((bound - _EPOCH) / timedelta(milliseconds=1)))
        found = await self._consumer.offsets_for_times(dict.fromkeys(default, moment_ms))
        return {place: found[place].offset if found.get(place) else ends[place] for place in default}

    async def read(self, ranges: OffsetRanges) -> AsyncIterator[list[StoredRecord]]:
        """Yield every record of the ranges, some at a time; in order within a partition."""
        ends = {place: end for place, (_, end) in ranges.items()}
        total, read = sum(end - first for first, end in ranges.values()), 0
        self._start(ranges)
        while ends:
            for batch in (await self._next(ends)).values():
                stored = [StoredRecord(record_of(message), message.timestamp) for message in batch]
                read += len(stored)
                self._on_progress(min(read, total), total)
                yield stored

    def _start(self, ranges: OffsetRanges) -> None:
        self._consumer.assign(list(ranges))
        for place, (first, _) in ranges.items():
            self._consumer.seek(place, first)
        self._moved = monotonic()

    async def _next(self, ends: dict[TopicPartition, int]) -> dict[TopicPartition, list[Any]]:
        """What came of the ranges; partitions that are read to their end are taken out of `ends`."""
        with kafka_faults(self.bootstrap):
            came = await self._consumer.getmany(*ends, timeout_ms=1000, max_records=_BATCH)
            within = {place: [m for m in batch if m.offset < ends[place]] for place, batch in came.items()}
            finished = [place for place, end in ends.items() if await self._consumer.position(place) >= end]
        self._watch(moved=bool(came or finished))
        self._consumer.pause(*finished)
        for place in finished:
            del ends[place]
        return within

    def _watch(self, *, moved: bool) -> None:
        if moved:
            self._moved = monotonic()
        elif monotonic() - self._moved > _STALLED_S:
            raise Retryable(f"Kafka at {self.bootstrap} gave no records for {_STALLED_S:.0f} s", reason="kafka")


@asynccontextmanager
async def producer_of(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    """A producer whose records are written once and in order. Its errors are raised as faults."""
    producer = make_producer(bootstrap)
    with kafka_faults(bootstrap):
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()


def parse_time(text: str, now: datetime) -> datetime:
    """A time: ISO 8601, of the local zone where it names none, or an age such as `2h`. Raises `Poison` for others."""
    age = _AGE.fullmatch(text)
    try:
        if age:
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        named = datetime.fromisoformat(text)
        return named if named.tzinfo else named.astimezone()
    except (ValueError, OverflowError, OSError):
        raise Poison(f"'{text}' is not a time; write 2026-01-31T18:00 or an age such as 2h", "invalid_time") from None


def parse_bound(text: str, now: datetime) -> int | datetime:
    """An offset, or a time as `parse_time` reads it. Raises `Poison` for what is neither."""
    return int(text) if _OFFSET.fullmatch(text) else parse_time(text, now)
