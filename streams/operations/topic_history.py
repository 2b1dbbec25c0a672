"""Read stored records of topics by ranges of offsets.

There is no consumer group and nothing is committed, so the offsets of running workers do not change.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from types import TracebackType
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition

from infra.kafka_connection import KafkaConnection
from schemas.faults import Poison, Retryable
from streams.envelope import Record
from streams.kafka import kafka_faults, make_consumer, make_producer, partitions_of, record_of

log = logging.getLogger(__name__)

Bound = int | datetime | None
OffsetRanges = dict[TopicPartition, tuple[int, int]]
OnProgress = Callable[[int, int], None]

_MAX_BATCH_RECORDS = 200
_STALL_TIMEOUT_S = 30.0
_MAX_FETCH_BYTES = 4 << 20  # a larger record is still fetched, alone
_EPOCH = datetime.fromtimestamp(0, UTC)
_AGE = re.compile(r"([0-9]{1,9})([smhdw])")
_OFFSET = re.compile(r"[0-9]{1,19}")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class StoredRecord:
    """A record and its timestamp, in milliseconds since 1970 (UTC); 0 if it has none."""

    record: Record
    timestamp_ms: int

    @property
    def size(self) -> int:
        """Return the bytes of key and value."""
        return len(self.record.key or b"") + len(self.record.value or b"")


def _ignore(read: int, total: int) -> None:
    del read, total


class Unreadables:
    """Counts the records that cannot be read; each once, although a topic is read several times."""

    def __init__(self) -> None:
        self._count = 0
        self._first = ""
        self._counted_to: dict[tuple[str, int], int] = {}  # the last offset, by topic and partition

    def add(self, record: Record) -> bool:
        """Count a record if it cannot be read; return whether that is so."""
        gap, place = record.unreadable, (record.topic, record.partition)
        if gap is None:
            return False
        if record.offset > self._counted_to.get(place, -1):
            self._counted_to[place] = record.offset
            self._first = self._first if self._count else f"{record.topic}[{record.partition}], {gap}"
            self._count += gap.last_offset - gap.first_offset + 1
        return True

    def warn(self) -> None:
        """Log how many were counted since the last call, and the first of them."""
        if self._count:
            log.warning("%d records are left out; of %s", self._count, self._first)
        self._count = 0


class TopicHistory:
    """Reads topics of Kafka. Faults of the broker are raised as `Retryable`.

    `on_progress` is called with the number of records read and the total number in the ranges.
    """

    def __init__(self, kafka: KafkaConnection, on_progress: OnProgress = _ignore) -> None:
        self.kafka = kafka
        self._on_progress = on_progress
        self._unreadable = Unreadables()
        self._consumer = make_consumer(kafka, auto_offset_reset="earliest", fetch_max_bytes=_MAX_FETCH_BYTES)

    async def __aenter__(self) -> TopicHistory:
        try:
            with kafka_faults(self.kafka):
                await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def partitions(self, topics: Collection[str]) -> list[TopicPartition]:
        """Return the partitions of topics."""
        with kafka_faults(self.kafka):
            return await partitions_of(self._consumer._client, topics)

    async def offset_ranges(self, topics: Collection[str], since: Bound = None, until: Bound = None) -> OffsetRanges:
        """Return each partition's offsets from `since` up to and excluding `until`, at most to the current end.

        Partitions without records in the range are left out.
        """
        partitions = await self.partitions(topics)
        with kafka_faults(self.kafka):
            ends = await self._consumer.end_offsets(partitions)
            beginnings = await self._consumer.beginning_offsets(partitions)
            first = await self._offsets(since, beginnings, ends)
            last = await self._offsets(until, ends, ends)
        return {
            tp: (max(first[tp], beginnings[tp]), min(last[tp], ends[tp]))
            for tp in partitions
            if max(first[tp], beginnings[tp]) < min(last[tp], ends[tp])
        }

    async def latest(self, topic: str, records: int) -> OffsetRanges:
        """Return the last `records` offsets of each partition."""
        ranges = await self.offset_ranges([topic])
        return {tp: (max(first, end - records), end) for tp, (first, end) in ranges.items()}

    async def _offsets(
        self, bound: Bound, default: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> Mapping[TopicPartition, int]:
        if bound is None:
            return default
        if isinstance(bound, int):
            return dict.fromkeys(default, bound)
        timestamp_ms = max(0, int((bound - _EPOCH) / timedelta(milliseconds=1)))
        found = await self._consumer.offsets_for_times(dict.fromkeys(default, timestamp_ms))
        return {tp: found[tp].offset if found.get(tp) else ends[tp] for tp in default}

    async def read(self, ranges: OffsetRanges) -> AsyncIterator[list[StoredRecord]]:
        """Yield every record of the ranges, in batches; in order within a partition.

        Records that cannot be read are left out; a warning gives their number.
        """
        ends = {tp: end for tp, (_, end) in ranges.items()}
        total, read = sum(end - first for first, end in ranges.values()), 0
        self._start(ranges)
        while ends:
            for batch in (await self._next_batches(ends)).values():
                stored = [StoredRecord(record_of(message), message.timestamp or 0) for message in batch]
                read += len(stored)
                self._on_progress(min(read, total), total)
                yield [one for one in stored if not self._unreadable.add(one.record)]
        self._unreadable.warn()

    def _start(self, ranges: OffsetRanges) -> None:
        self._consumer.assign(list(ranges))
        for tp, (first, _) in ranges.items():
            self._consumer.seek(tp, first)
        self._last_progress = monotonic()

    async def _next_batches(self, ends: dict[TopicPartition, int]) -> dict[TopicPartition, list[Any]]:
        """Return the next records of the ranges, by partition; remove finished partitions from `ends`."""
        with kafka_faults(self.kafka):
            batches = await self._consumer.getmany(*ends, timeout_ms=1000, max_records=_MAX_BATCH_RECORDS)
            within = {tp: [m for m in batch if m.offset < ends[tp]] for tp, batch in batches.items()}
            finished = [tp for tp, end in ends.items() if await self._consumer.position(tp) >= end]
        self._check_stall(progressed=bool(batches or finished))
        self._consumer.pause(*finished)
        for tp in finished:
            del ends[tp]
        return within

    def _check_stall(self, *, progressed: bool) -> None:
        if progressed:
            self._last_progress = monotonic()
        elif monotonic() - self._last_progress > _STALL_TIMEOUT_S:
            raise Retryable(f"Kafka at {self.kafka} sent no records for {_STALL_TIMEOUT_S:.0f} s", reason="kafka")


@asynccontextmanager
async def producer_of(kafka: KafkaConnection) -> AsyncIterator[AIOKafkaProducer]:
    """Yield a producer that writes each record once and in order. Its errors are raised as faults."""
    producer = make_producer(kafka)
    with kafka_faults(kafka):
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()


def parse_time(text: str, now: datetime) -> datetime:
    """Return a time: ISO 8601 (local if it has no zone), or an age such as `2h`. Raises: `Poison` (`invalid_time`)."""
    age = _AGE.fullmatch(text)
    try:
        if age:
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        parsed = datetime.fromisoformat(text)
        return parsed if parsed.tzinfo else parsed.astimezone()
    except (ValueError, OverflowError, OSError):
        raise Poison(f"'{text}' is not a time; write 2026-01-31T18:00 or an age such as 2h", "invalid_time") from None


def parse_bound(text: str, now: datetime) -> int | datetime:
    """Return an offset, or a time as `parse_time` reads it. Raises: `Poison` (`invalid_time`) for any other text."""
    return int(text) if _OFFSET.fullmatch(text) else parse_time(text, now)
