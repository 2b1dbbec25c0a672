"""Topics in memory, with partitions and offsets as in Kafka, for tests without one."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from threading import RLock

from aiokafka import TopicPartition

from schemas.faults import Poison
from streams.envelope import Message, Record
from streams.kafka import partition_of_key
from streams.log_position import Mark, Position, check_same_log, checksum_of
from streams.topics import PARTITIONS

_POLL_S = 0.002
_MAX_READ = 500  # records of one call, as Kafka's consumers have it

Service = Callable[[Sequence[Message]], Sequence[Message]]


class MemoryLog:
    """Implements `EventLog`. All topics exist.

    `service` gets the messages that are published, and returns those that are to be published now; it is also called
    with none before each reading. Event loops of several threads may use the log.
    """

    def __init__(self, service: Service = lambda _: ()) -> None:
        self.partitions = PARTITIONS
        self.records: dict[TopicPartition, list[Record]] = defaultdict(list)
        self._service = service
        self._lock = RLock()

    async def start(self) -> None:
        """Do nothing: nothing is to be connected."""

    async def stop(self) -> None:
        """Do nothing."""

    async def publish(self, messages: Sequence[Message]) -> list[Poison | None]:
        """Store messages, and what the service answers."""
        with self._lock:
            for message in (*messages, *self._service(messages)):
                self._append(message)
        await asyncio.sleep(0)
        return [None] * len(messages)

    def update(self) -> None:
        """Store what the service has to publish by now."""
        with self._lock:
            for message in self._service(()):
                self._append(message)

    @asynccontextmanager
    async def reader(self, topics: Collection[str]) -> AsyncIterator[MemoryReader]:
        """Yield a reader."""
        yield MemoryReader(self, topics)

    def _append(self, message: Message) -> None:
        number = partition_of_key(message.key or b"", self.partitions)
        records = self.records[TopicPartition(message.topic, number)]
        place = (message.topic, number, len(records))
        now_ms = time.time_ns() // 1_000_000
        records.append(Record(*place, message.key, message.value, message.headers, timestamp_ms=now_ms))


class MemoryReader:
    """Implements `EventReader`."""

    def __init__(self, log: MemoryLog, topics: Collection[str]) -> None:
        self._log = log
        self._topics = topics
        self._offsets: dict[TopicPartition, int] = {}

    async def partitions(self) -> list[TopicPartition]:
        """Return all partitions."""
        return [TopicPartition(topic, number) for topic in self._topics for number in range(self._log.partitions)]

    async def bounds(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """Return the first offset and the one after the last, by partition."""
        self._log.update()
        return {tp: (0, len(self._log.records[tp])) for tp in partitions}

    async def offset_at(self, partition: TopicPartition, timestamp_ms: int) -> int | None:
        """Return the offset of the first record from a time on."""
        records = self._log.records[partition]
        return next((record.offset for record in records if record.timestamp_ms >= timestamp_ms), None)

    async def end_positions(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Position]:
        """Return the positions after the last records."""
        self._log.update()
        return {tp: _end_of(self._log.records[tp]) for tp in partitions}

    async def checked(self, positions: Mapping[TopicPartition, Position]) -> dict[TopicPartition, Position]:
        """Return the positions. Raises: `LogChangedError`."""
        for tp, position in positions.items():
            check_same_log(tp, position, position if _is_in(self._log.records[tp], position) else Position(0))
        return dict(positions)

    def may_have_changed(self) -> bool:
        """Return False."""
        return False

    def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Read these partitions."""
        self._offsets = dict(offsets)

    async def position(self, partition: TopicPartition) -> int:
        """Return the offset that is read next."""
        return self._offsets[partition]

    async def read(self, timeout_s: float) -> list[Record]:
        """Return the next records."""
        deadline = time.monotonic() + timeout_s
        await asyncio.sleep(0)
        while not (found := self._next()) and time.monotonic() < deadline:  # noqa: ASYNC110 - other threads publish
            await asyncio.sleep(_POLL_S)
        return found

    def _next(self) -> list[Record]:
        self._log.update()
        records = (record for tp, offset in self._offsets.items() for record in self._log.records[tp][offset:])
        found = list(islice(records, _MAX_READ))
        for record in found:
            self._offsets[TopicPartition(record.topic, record.partition)] = record.offset + 1
        return found


def _mark(record: Record) -> Mark:
    return Mark(record.offset, record.timestamp_ms, checksum_of(record.key, record.value))


def _end_of(records: Sequence[Record]) -> Position:
    return Position(len(records), (_mark(records[-1]),) if records else ())


def _is_in(records: Sequence[Record], position: Position) -> bool:
    offsets = [mark.offset for mark in position.marks]
    is_same = all(offset < len(records) for offset in offsets) and all(
        _mark(records[mark.offset]).is_of(mark) for mark in position.marks
    )
    return is_same and position.offset <= len(records)
