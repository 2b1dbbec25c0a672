"""What the topics keep, read again: a range at a time, in no group, with nothing committed, so no live offset moves."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from types import TracebackType
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from schemas.faults import Poison, Retryable
from streams.envelope import Record, as_headers
from streams.patches.aiokafka_headers import read_leniently
from streams.topics import MAX_MESSAGE_BYTES, PARTITIONS

Bound = int | datetime | None
Spans = dict[TopicPartition, tuple[int, int]]
Heard = Callable[[int, int], None]

_BATCH = 200
_STALLED_S = 30.0
_FETCH_BYTES = 4 << 20
_EPOCH = datetime.fromtimestamp(0, UTC)
_AGE = re.compile(r"([0-9]{1,9})([smhdw])")
_OFFSET = re.compile(r"[0-9]{1,19}")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class Kept:
    """A record and when it was written, in milliseconds since 1970 (UTC)."""

    record: Record
    timestamp_ms: int

    @property
    def size(self) -> int:
        """Bytes of key and value."""
        return len(self.record.key or b"") + len(self.record.value or b"")


def _ignore(read: int, total: int) -> None:
    del read, total


class Archive:
    """Reads topics of Kafka at `bootstrap`. `heard` is told how many records of the range are read, and of how many.

    Faults of the broker are raised as `Retryable`.
    """

    def __init__(self, bootstrap: str, heard: Heard = _ignore) -> None:
        self.bootstrap = bootstrap
        self._heard = heard
        read_leniently()
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_bytes=_FETCH_BYTES,  # a record that is larger comes all the same, alone
        )

    async def __aenter__(self) -> Archive:
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

    async def spans(self, topics: Collection[str], since: Bound = None, until: Bound = None) -> Spans:
        """The offsets from `since` up to but without `until`, at most to the end as it is now, of each partition."""
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

    async def latest(self, topic: str, records: int) -> Spans:
        """The last so many offsets of each partition."""
        return {place: (max(first, end - records), end) for place, (first, end) in (await self.spans([topic])).items()}

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

    async def read(self, spans: Spans) -> AsyncIterator[list[Kept]]:
        """Every record of the ranges, some at a time; in order within a partition."""
        ends = {place: end for place, (_, end) in spans.items()}
        total, read = sum(end - first for first, end in spans.values()), 0
        self._start(spans)
        while ends:
            for batch in (await self._next(ends)).values():
                kept = [_kept(message) for message in batch]
                read += len(kept)
                self._heard(min(read, total), total)
                yield kept

    def _start(self, spans: Spans) -> None:
        self._consumer.assign(list(spans))
        for place, (first, _) in spans.items():
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


def _kept(message: Any) -> Kept:
    record = Record(
        message.topic,
        message.partition,
        message.offset,
        message.key,
        message.value,
        as_headers(message.headers),
    )
    return Kept(record, message.timestamp)


@contextmanager
def kafka_faults(bootstrap: str) -> Iterator[None]:
    """Errors of the client as faults: `Poison` for a record that is too large, `Retryable` for all else."""
    try:
        yield
    except MessageSizeTooLargeError as error:
        raise Poison(f"a record is too large to be sent with its new headers: {error}", reason="too_large") from error
    except KafkaError as error:
        raise Retryable(f"Kafka at {bootstrap} does not answer as it should: {error!r}", reason="kafka") from error


@asynccontextmanager
async def writer(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    """A producer whose records are written once and in order. Its errors are raised as faults."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_request_size=MAX_MESSAGE_BYTES
    )
    with kafka_faults(bootstrap):
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()


def moment(text: str, now: datetime) -> datetime:
    """A time: ISO 8601, of the local zone where it names none, or an age such as `2h`. Raises `Poison` for others."""
    age = _AGE.fullmatch(text)
    try:
        if age:
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        named = datetime.fromisoformat(text)
        return named if named.tzinfo else named.astimezone()
    except (ValueError, OverflowError, OSError):
        raise Poison(f"'{text}' is no time; write 2026-01-31T18:00 or an age such as 2h", "invalid_time") from None


def bound(text: str, now: datetime) -> int | datetime:
    """An offset, or a time as `moment` reads it. Raises `Poison` for what is neither."""
    return int(text) if _OFFSET.fullmatch(text) else moment(text, now)
