"""Positions in the log of a partition, with marks that show whether it is still the log that was read.

A broker that loses power loses the tail of its logs, and new records take the same offsets; a topic may be deleted and
created again. A stored offset does not show that, and the records up to it would be skipped without a message. So a
position carries marks of some records that were read: offset, time and checksum. A log changes at its end only, so
where one of these records is found again, everything before it is as it was read, and reading continues after it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple
from zlib import crc32

from aiokafka import TopicPartition
from aiokafka.client import ConnectionGroup
from aiokafka.errors import NotLeaderForPartitionError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import OffsetAndMetadata

from streams.kafka_errors import retry_for
from streams.patches.aiokafka_records import first_record, is_transaction_marker

log = logging.getLogger(__name__)
_RETRY_S, _RETRY_TIMEOUT_S = 0.2, 20.0
_FETCH_BYTES = 1  # Kafka then sends one whole batch
_MAX_NUMBER = 2**63  # of offsets and times
_OF_TRANSACTION = -1  # in place of the checksum of a record, where a transaction ends


class LogChangedError(Exception):
    """A partition no longer has the log that was read."""


class Mark(NamedTuple):
    """A record that was read: its offset, its time in milliseconds since 1970 or None, the CRC-32 of key and value.

    Or the end of a transaction: it is at the offset of a record only in another log.
    """

    offset: int
    timestamp_ms: int | None
    checksum: int

    def is_of(self, other: Mark) -> bool:
        """Return whether both are marks of the same record."""
        times = {self.timestamp_ms, other.timestamp_ms} - {None}
        return (self.offset, self.checksum) == (other.offset, other.checksum) and len(times) <= 1


class Position(NamedTuple):
    """The offset to read next, and marks of records before it, the newest first."""

    offset: int
    marks: tuple[Mark, ...] = ()

    def after(self, message: Any) -> Position:
        """Return the position after a message, with its mark; without, if the message could not be read."""
        newest = mark_of(message)
        return Position(newest.offset + 1, self.marks) if message.timestamp < 0 else self.after_mark(newest)

    def after_mark(self, newest: Mark) -> Position:
        """Return the position after the record of a mark."""
        return Position(newest.offset + 1, (newest, *_thinned(newest.offset, self.marks)))

    def __str__(self) -> str:
        return " ".join(
            [str(self.offset), *(f"{mark.offset}:{mark.timestamp_ms}:{mark.checksum}" for mark in self.marks)]
        )

    @classmethod
    def parse(cls, text: str | int) -> Position:
        """Return the position in a text of `str()`, or in a plain offset. Raises: `ValueError` for any other text."""
        offset, *marks = str(text).split()
        position = cls(int(offset), tuple(_parse_mark(*mark.split(":")) for mark in marks))
        offsets = (position.offset + 1, *(mark.offset for mark in position.marks))
        if any(older >= newer for newer, older in pairwise(offsets)):
            raise ValueError("the marks are not of records up to the position, the newest first")
        return position

    @classmethod
    def of_commit(cls, commit: OffsetAndMetadata | None) -> Position | None:
        """Return the position in a commit of the group, None where there is none."""
        if commit is None or commit.offset < 0:
            return None
        try:
            return cls.parse(f"{commit.offset} {commit.metadata or ''}")
        except (ValueError, TypeError):
            return cls(commit.offset)  # committed by another program

    @property
    def marks_text(self) -> str:
        """Return the marks as text: the metadata of a commit."""
        return str(self).partition(" ")[2]


def _parse_mark(offset: str, timestamp_ms: str, checksum: str) -> Mark:
    mark = Mark(int(offset), None if timestamp_ms == "None" else int(timestamp_ms), int(checksum))
    if mark.offset < 0 or max(mark.offset, abs(mark.timestamp_ms or 0), abs(mark.checksum)) >= _MAX_NUMBER:
        raise ValueError("a mark has a number that no record has")  # its text could be too long for a commit
    return mark


def mark_of(message: Any) -> Mark:
    """Return the mark of a message of aiokafka."""
    return Mark(message.offset, message.timestamp, checksum_of(message.key, message.value))


def checksum_of(key: bytes | None, value: bytes | None) -> int:
    """Return the CRC-32 of a record's key and value."""
    return crc32(value or b"", crc32(key or b""))


def _thinned(newest: int, marks: tuple[Mark, ...]) -> Iterator[Mark]:
    """Yield the oldest mark of each power of 2 of the distance: about 20 of a million records."""
    oldest = {(newest - mark.offset).bit_length(): mark for mark in marks if mark.offset < newest}
    yield from oldest.values()


class ConnectionWatch:
    """Shows whether a client has connected again or fetched the metadata again: the logs may then be others."""

    def __init__(self) -> None:
        self._connections: dict[Any, Any] = {}
        self._leaders: Any = None

    def changed(self, client: Any) -> bool:
        """Return whether either has happened since the last call."""
        if client.cluster._partitions is self._leaders and client._conns == self._connections:
            return False
        self._leaders, self._connections = client.cluster._partitions, dict(client._conns)
        return True


async def resume_positions(
    consumer: Any, positions: Mapping[TopicPartition, Position | None]
) -> dict[TopicPartition, Position]:
    """Return from where to read on, by partition: the stored positions, or earlier ones if the log is another.

    What is lost or read again is logged. Raises aiokafka's errors if the broker does not answer for 20 s.
    """
    # A leader may move, or a log shrink, at this moment.
    return await retry_for(_RETRY_TIMEOUT_S, _RETRY_S, lambda: _resumed(consumer, positions))


async def checked_positions(
    consumer: Any, positions: Mapping[TopicPartition, Position]
) -> dict[TopicPartition, Position]:
    """Return from where to read on: the positions, or earlier ones where the broker lost the end of a log.

    Raises: `LogChangedError` where the log is another one, or records after a position were deleted; aiokafka's errors
    as `resume_positions`.
    """
    resumed = await resume_positions(consumer, positions)
    for tp, position in positions.items():
        check_same_log(tp, position, resumed[tp])
    return resumed


def check_same_log(tp: TopicPartition, position: Position, resumed: Position) -> None:
    """Raise `LogChangedError` if no record before the position is left to read on from."""
    if resumed.offset != position.offset and not resumed.marks:
        raise LogChangedError(f"{tp.topic}[{tp.partition}] is not the log that was read to {position.offset}")


async def end_positions(consumer: Any, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Position]:
    """Return the positions after the last records, with the mark of the last one where it can be read."""
    ends = await consumer.end_offsets(list(partitions))
    marks = await asyncio.gather(*[_last_mark(consumer._client, tp, end) for tp, end in ends.items()])
    return {tp: Position(end, found) for (tp, end), found in zip(ends.items(), marks, strict=True)}


async def _last_mark(client: Any, tp: TopicPartition, end: int) -> tuple[Mark, ...]:
    mark = await _mark_at(client, tp, end - 1) if end else None
    return () if mark is None else (mark,)


async def _resumed(
    consumer: Any, positions: Mapping[TopicPartition, Position | None]
) -> dict[TopicPartition, Position]:
    starts = await consumer.beginning_offsets(list(positions))
    ends = await consumer.end_offsets(list(positions))
    resumed = await asyncio.gather(
        *[_resume(consumer._client, tp, position, starts[tp], ends[tp]) for tp, position in positions.items()]
    )
    return dict(zip(positions, resumed, strict=True))


async def _resume(client: Any, tp: TopicPartition, position: Position | None, start: int, end: int) -> Position:
    if position is None:
        if end > start:
            log.info("%s[%d] has no stored position: its %d records are read from the start", *tp, end - start)
        return Position(start)
    if position.offset < start:
        log.warning(
            "%s[%d] LOST %d records: those from %d to %d were deleted before they were read",
            *tp,
            start - position.offset,
            position.offset,
            start - 1,
        )
        return Position(start)
    return await _in_same_log(client, tp, position, start, end)


async def _in_same_log(client: Any, tp: TopicPartition, position: Position, start: int, end: int) -> Position:
    is_other = position.offset > end
    for number, mark in enumerate(position.marks):
        if not start <= mark.offset < end:
            continue
        found = await _mark_at(client, tp, mark.offset)
        if found is not None and found.is_of(mark):
            return _back_to(tp, position, number, end) if is_other else position
        is_other = is_other or found is not None
    if not is_other:
        return position  # no record that was read is left to be compared
    log.warning(
        "%s[%d] is another log than the one read to %d: it is read from its start, %d records",
        *tp,
        position.offset,
        end - start,
    )
    return Position(start)


def _back_to(tp: TopicPartition, position: Position, number: int, end: int) -> Position:
    back = Position(position.marks[number].offset + 1, position.marks[number:])
    log.warning(
        "%s[%d] was read to %d, and its broker lost records after %d: reading continues there, %d records",
        *tp,
        position.offset,
        back.offset,
        end - back.offset,
    )
    return back


async def _mark_at(client: Any, tp: TopicPartition, offset: int) -> Mark | None:
    """Return the mark of the record at an offset, or None where it cannot be read or was removed by compaction."""
    leader = client.cluster.leader_for_partition(tp)
    if leader in {None, -1}:
        client.force_metadata_update()
        raise NotLeaderForPartitionError(tp)
    request = FetchRequest(0, 0, _FETCH_BYTES, 0, [(tp.topic, [(tp.partition, offset, _FETCH_BYTES)])])
    # Not on the connection of the consumer, where a fetch may be waiting for records.
    response = await client.send(leader, request, group=ConnectionGroup.COORDINATION)
    [(_, [(_, code, *_, batches)])] = response.topics
    if code:
        client.force_metadata_update()
        raise for_code(code)(tp)
    if is_transaction_marker(batches, offset):
        return Mark(offset, None, _OF_TRANSACTION)
    record = first_record(tp, batches, offset)
    return mark_of(record) if record is not None and record.offset == offset and record.timestamp >= 0 else None
