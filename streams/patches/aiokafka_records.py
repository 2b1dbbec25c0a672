"""A consumer that no record stops: it reads all that can be read and says what cannot.

Upstream: aiokafka 0.14.0 stops permanently at a damaged batch, at one whose codec it lacks, and at a header name that
is not UTF-8, and it decompresses batches without a limit. No issue is known. Remove this module when aiokafka
delivers the records around those.

The fast reader is still used; only from the first record that it cannot read, or for a large batch, the careful one of
`aiokafka_batches` continues. Records that cannot be read are handed over as one record, at the last offset of theirs,
whose headers are an `Unreadable`. aiokafka is not changed for other users of it in the process.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from types import FunctionType
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, Fetcher, FetchResult, PartitionRecords
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.structs import ConsumerRecord

from streams.envelope import Unreadable
from streams.patches.aiokafka_batches import (
    Batch,
    DamagedError,
    Oversized,
    batches,
    limits_of,
    read_carefully,
    without_read,
)
from streams.patches.aiokafka_commits import CommitsCoordinator
from streams.patches.aiokafka_offsets import OffsetsFetcher

log = logging.getLogger(__name__)
UPSTREAM = ("aiokafka", "0.14.0")

_MAX_FAST_BYTES = 160 << 10  # of a batch: the fast reader makes at most 82,000 headers of it, with 7 MB
_MAX_BYTES_PER_CALL = 16 << 20  # of the records that one call returns, unless it is one record
_EMPTY_FETCHES = 5  # in a row, of half a second and more, after which a partition is read from an earlier offset
_AROUND_BYTES = 8 << 20
_PAUSE_S = 1.0
_HEADER_BYTES = 128  # of memory for each header, with its tuple

_bytes_left: ContextVar[list[int]] = ContextVar("bytes_left")


class _Fetched:
    """The bytes of a fetch, by the interface of aiokafka's `MemoryRecords` that the fetcher calls."""

    def __init__(self, raw: bytes | None) -> None:
        self.raw = raw or b""

    def has_next(self) -> bool:
        return bool(self.raw)

    def size_in_bytes(self) -> int:
        return len(self.raw)


class _PartitionRecords(PartitionRecords):  # type: ignore[misc]
    end: int | None = None  # of the partition; the fetcher knows it when this object exists
    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[Any]:
        for batch in batches(self._records.raw, lambda: self.next_fetch_offset, self.end):
            if batch.damage is not None or not self._is_passed_over(batch):
                yield from self._unpack(batch)
            self.next_fetch_offset = max(self.next_fetch_offset, batch.next_offset)

    def _is_passed_over(self, batch: Batch) -> bool:
        if self._isolation_level == READ_COMMITTED:
            self._consume_aborted_up_to(batch.base)
            if batch.is_control_batch and _is_abort_marker(batch):
                self._aborted_producers.discard(batch.producer_id)
        is_aborted = batch.is_transactional and batch.producer_id in self._aborted_producers
        return batch.is_control_batch or is_aborted

    def _unpack(self, batch: Batch) -> Iterator[Any]:
        try:
            if batch.damage is not None:
                raise DamagedError(batch.damage)  # noqa: TRY301 - reported as what is found later
            uncompressed = batch.uncompressed()
            if len(uncompressed) <= _MAX_FAST_BYTES:
                reader = batch.reader if uncompressed is batch.data else DefaultRecordBatch(uncompressed)
                yield from self._unpack_fast(batch, uncompressed, reader)
            else:
                yield from self._unpack_carefully(batch, uncompressed)
        except Exception as error:  # noqa: BLE001 - none may stop the partition
            cause = str(error) if isinstance(error, DamagedError) else f"{type(error).__name__}: {error}"
            if self.next_fetch_offset <= batch.last:
                yield self._unreadable(max(self.next_fetch_offset, batch.base), batch.last, cause)

    def _unpack_fast(self, batch: Batch, uncompressed: Any, reader: Any) -> Iterator[Any]:
        try:
            for record in reader:
                offset = record.offset
                if offset > batch.last:
                    break
                if offset >= self.next_fetch_offset:
                    self.next_fetch_offset = offset + 1
                    yield _consumer_record(self._tp, record)
            else:
                return
        except Exception:  # the careful reader finds the cause
            log.debug("%s: the fast reader fails", self._tp, exc_info=True)
        yield from self._unpack_carefully(batch, uncompressed)

    def _unpack_carefully(self, batch: Batch, uncompressed: Any) -> Iterator[Any]:
        for record in read_carefully(uncompressed, limits_of(self._tp.topic)):
            offset = record.offset
            if offset < self.next_fetch_offset:
                continue
            if offset > batch.last:
                raise DamagedError("a record has a wrong offset")
            if isinstance(record, Oversized):
                yield self._unreadable(offset, offset, record.cause)
            else:
                self.next_fetch_offset = offset + 1
                yield _consumer_record(self._tp, record)

    def _unreadable(self, first: int, last: int, cause: str) -> Any:
        self.next_fetch_offset = last + 1
        unreadable = Unreadable(first, last, cause)
        log.debug("%s[%d]: %s", self._tp.topic, self._tp.partition, unreadable)
        return ConsumerRecord(
            self._tp.topic,
            self._tp.partition,
            last,
            -1,
            0,
            None,
            None,
            None,
            -1,
            -1,
            unreadable,
        )


def _is_abort_marker(batch: Batch) -> bool:
    try:
        [marker] = DefaultRecordBatch(batch.data)
        return bool(marker.key[:4] == _ABORT)
    except Exception:  # noqa: BLE001 - a marker that cannot be read ends nothing
        return False


_ABORT = bytes(4)  # version 0, type 0


def _consumer_record(tp: Any, record: Any) -> Any:
    key, value, timestamp = record.key, record.value, record.timestamp
    return ConsumerRecord(
        tp.topic,
        tp.partition,
        record.offset,
        -1 if timestamp is None else timestamp,
        record.timestamp_type,
        key,
        value,
        None,
        -1 if key is None else len(key),
        -1 if value is None else len(value),
        tuple(record.headers),
    )


def first_record(tp: Any, raw: bytes | None, offset: int) -> Any | None:
    """Return the first record of fetched batches from an offset on, or None."""
    records = _PartitionRecords(tp, _Fetched(raw), None, offset, None, None, False, READ_UNCOMMITTED)
    return next(iter(records), None)


def is_transaction_marker(raw: bytes | None, offset: int) -> bool:
    """Return whether the end of a transaction is at an offset of fetched batches, where no record can be."""
    first = next(batches(raw or b"", lambda: offset, None), None)
    return first is not None and first.damage is None and first.is_control_batch and first.base <= offset <= first.last


class _FetchResult(FetchResult):  # type: ignore[misc]
    """A fetch of one partition, which returns at most the bytes that its call has left."""

    _partition_records: Any

    def __init__(self, tp: Any, *, assignment: Any, partition_records: Any, backoff: float) -> None:
        super().__init__(tp, assignment=assignment, partition_records=partition_records, backoff=backoff)
        partition_records.end = assignment.state_value(tp).highwater

    def getall(self, max_records: int | None = None) -> list[Any]:
        """Return the next records."""
        left = _bytes_left.get()
        found: list[Any] = []
        if left[0] <= 0 or not self.has_more() or not self.check_assignment(self._topic_partition):
            return found
        for record in self._partition_records:
            found.append(record)
            left[0] -= record_bytes(record)
            if left[0] <= 0 or len(found) == max_records:
                self._update_position()
                return found
        self._update_position()
        self._partition_records = None
        return found


def record_bytes(record: Any) -> int:
    """Return the memory that a record takes, in bytes, roughly."""
    return len(record.key or b"") + len(record.value or b"") + _HEADER_BYTES * (1 + len(record.headers))


def _with_globals(function: Any, **replaced: Any) -> Any:
    """Return a copy of a function whose module globals are replaced by `replaced`."""
    scope = {**function.__globals__, **replaced}
    copy = FunctionType(function.__code__, scope, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


class _Fetcher(OffsetsFetcher):
    _fetch = _with_globals(
        Fetcher._proc_fetch_request,
        MemoryRecords=_Fetched,
        PartitionRecords=_PartitionRecords,
        FetchResult=_FetchResult,
    )
    next_record = _with_globals(Fetcher.next_record, FetchResult=_FetchResult)
    _fetched_records = _with_globals(Fetcher.fetched_records, FetchResult=_FetchResult)

    async def fetched_records(self, partitions: Any, timeout: float = 0, max_records: int | None = None) -> Any:  # noqa: ASYNC109
        _bytes_left.set([_MAX_BYTES_PER_CALL])
        return await self._fetched_records(partitions, timeout, max_records)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._empty: dict[Any, tuple[int, int]] = {}  # by partition: a position, and how often nothing came from there

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        if await self._fetch(assignment, node_id, request):
            return True  # the response may have been full
        try:
            return await self._pass_damage(assignment, node_id, request)
        except asyncio.CancelledError:  # as aiokafka's own method: the partition was revoked
            return False
        except Exception:
            log.debug("a partition that sends nothing cannot be read from an earlier offset", exc_info=True)
            return False

    async def _pass_damage(self, assignment: Any, node_id: int, request: Any) -> bool:
        """Read on where the broker itself finds no batch although there are records; return whether any came.

        It looks for batches by their lengths and stops at a wrong one. From an earlier offset it sends the same bytes.
        """
        stuck = [
            (tp, offset)
            for topic, places in request.topics
            for partition, offset, _ in places
            if self._is_stuck(assignment, tp := TopicPartition(topic, partition), offset)
        ]
        found = any([await self._fetch_around(assignment, node_id, tp, offset) for tp, offset in stuck])
        if stuck and not found:
            await asyncio.sleep(_PAUSE_S)  # the broker may answer with an error at once, again and again
        return found

    def _is_stuck(self, assignment: Any, tp: Any, offset: int) -> bool:
        state = assignment.state_value(tp)
        is_there = state is not None and state.has_valid_position and state.position == offset
        if not is_there or (state.lso is not None and offset >= state.lso):
            self._empty.pop(tp, None)
            return False
        position, times = self._empty.get(tp, (offset, 0))
        self._empty[tp] = (offset, times + 1 if position == offset else 1)
        return self._empty[tp][1] % _EMPTY_FETCHES == 0

    async def _fetch_around(self, assignment: Any, node_id: int, tp: Any, position: int) -> bool:
        back = 1
        while back <= position:
            place = (tp.partition, position - back, _AROUND_BYTES)
            request = FetchRequest(0, 0, _AROUND_BYTES, self._isolation_level, [(tp.topic, [place])])
            response = await self._client.send(node_id, request)
            [(_, [(_, code, _, *parts)])] = response.topics
            if not code and (raw := without_read(parts[-1] or b"", position)):
                return self._add(assignment, tp, position, raw, parts[2])
            back *= 2
        return False

    def _add(self, assignment: Any, tp: Any, position: int, raw: bytes, aborted: Any) -> bool:
        state = assignment.state_value(tp)
        if not assignment.active or tp in self._records or state is None or state.position != position:
            return False
        log.warning("%s[%d] is damaged at offset %d: reading continues after it", *tp, position)
        records = _PartitionRecords(tp, _Fetched(raw), aborted, position, None, None, True, self._isolation_level)
        backoff = self._prefetch_backoff
        self._records[tp] = _FetchResult(tp, assignment=assignment, partition_records=records, backoff=backoff)
        return True


class TolerantConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """aiokafka's consumer, with a fetcher that no record stops, and a coordinator that loses no committed offset."""

    start = _with_globals(AIOKafkaConsumer.start, Fetcher=_Fetcher, GroupCoordinator=CommitsCoordinator)
