"""The log of a partition: record batches as bytes, an epoch for each time the broker starts, and a tail not on disk."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

_HEADER = struct.Struct(">qiibIhiqqqhii")  # base offset to number of records, see Kafka's record batch format
_CRC = struct.Struct(">I")
_CRC_AT, _CRC_COVERS_FROM = 17, 21
_LOG_APPEND_TIME, _TRANSACTIONAL, _CONTROL = 0x08, 0x10, 0x20
_ABORT, _COMMIT = b"\x00\x00\x00\x00", b"\x00\x00\x00\x01"


Item = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]  # key, value and headers of a record to be sent


@dataclass(frozen=True)
class StoredRecord:
    """A record of a log as a reader gets it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Batch:
    """A record batch. `data` has the broker's offset, epoch and time; `producer_id` is -1 without one."""

    base: int
    last: int
    epoch: int
    timestamp_ms: int
    data: bytes
    producer_id: int = -1
    transactional: bool = False
    control: bool = False
    readable: bool = True


@dataclass
class Log:
    """A partition. `start`: the first offset that is left; `flushed`: the end of what is on disk."""

    batches: list[Batch] = field(default_factory=list)
    start: int = 0
    end: int = 0
    epoch: int = 0
    flushed: int = 0
    open_transactions: dict[int, int] = field(default_factory=dict)  # producer id: first offset
    aborted: list[tuple[int, int, int]] = field(default_factory=list)  # producer id, first offset, offset of the marker
    sequences: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)  # producer: next, its last base

    def append(self, data: bytes, now_ms: int) -> int:
        """Append a batch with the broker's time as its records' timestamp, and return its first offset."""
        fields = list(_HEADER.unpack_from(data))
        delta, producer_id = fields[6], fields[9]
        fields[0], fields[2], fields[8] = self.end, self.epoch, now_ms
        fields[5] |= _LOG_APPEND_TIME
        changed = bytearray(data)
        _HEADER.pack_into(changed, 0, *fields)
        _CRC.pack_into(changed, _CRC_AT, calc_crc32c(bytes(changed[_CRC_COVERS_FROM:])))
        transactional, control = bool(fields[5] & _TRANSACTIONAL), bool(fields[5] & _CONTROL)
        base = self.end
        self.batches.append(
            Batch(base, base + delta, self.epoch, now_ms, bytes(changed), producer_id, transactional, control)
        )
        self.end = base + delta + 1
        if transactional and not control:
            self.open_transactions.setdefault(producer_id, base)
        return base

    def end_transaction(self, producer_id: int, *, commit: bool, now_ms: int) -> None:
        """Append the marker that ends a transaction."""
        builder = DefaultRecordBatchBuilder(2, 0, 1, producer_id, 0, -1, 1 << 20)
        builder.append(0, now_ms, _COMMIT if commit else _ABORT, b"\x00\x00\x00\x00\x00\x00", [])
        data = builder.build()
        fields = list(_HEADER.unpack_from(data))
        fields[5] |= _CONTROL
        _HEADER.pack_into(data, 0, *fields)
        marker = self.append(bytes(data), now_ms)
        first = self.open_transactions.pop(producer_id, marker)
        if not commit:
            self.aborted.append((producer_id, first, marker))

    @property
    def last_stable(self) -> int:
        """Return the end of what a reader of committed records may read."""
        return min([self.end, *self.open_transactions.values()])

    def read(self, offset: int, max_bytes: int, *, committed: bool) -> bytes:
        """Return whole batches from the one with `offset`: at least one, then as many as fit."""
        limit = self.last_stable if committed else self.end
        found = bytearray()
        for batch in self._from(offset):
            if batch.base >= limit or (found and len(found) + len(batch.data) > max_bytes):
                break
            found += batch.data
        return bytes(found)

    def aborted_in(self, offset: int) -> list[tuple[int, int]]:
        """Return the aborted transactions that a reader from `offset` needs, in order of their first offset."""
        return sorted(((pid, first) for pid, first, marker in self.aborted if marker >= offset), key=lambda t: t[1])

    def truncate(self, end: int) -> None:
        """Lose the tail from `end`, or from the start of the batch with it; new records get the next epoch."""
        self.batches = [batch for batch in self.batches if batch.last < end]
        self.end = max(self.batches[-1].last + 1 if self.batches else self.start, self.start)
        self.flushed = min(self.flushed, self.end)
        self.open_transactions = {pid: first for pid, first in self.open_transactions.items() if first < self.end}
        self.sequences.clear()

    def delete_before(self, offset: int) -> None:
        """Delete whole batches before an offset, as retention and DeleteRecords do."""
        self.start = max(self.start, min(offset, self.end))
        self.batches = [batch for batch in self.batches if batch.last >= self.start]

    def compact(self) -> None:
        """Keep the last record of each key, as the log cleaner does: the offsets stay, and a batch may lose records."""
        last = {record.key: record.offset for record in self.records()}
        for number, batch in enumerate(self.batches[:-1]):  # the active segment is never compacted
            if batch.control or not batch.readable:
                continue
            remaining = [record for record in records_of(batch.data) if last.get(record.key) == record.offset]
            self.batches[number] = _rebuilt(batch, remaining)
        self.batches = [batch for batch in self.batches if batch.data]

    def flip_bits(self, number: int) -> Batch:
        """Damage the batch with this number on disk; it cannot be read any more."""
        batch = self.batches[number]
        data = bytearray(batch.data)
        data[len(data) - 1] ^= 0xFF
        self.batches[number] = Batch(
            batch.base, batch.last, batch.epoch, batch.timestamp_ms, bytes(data), readable=False
        )
        return batch

    def records(self, *, committed: bool = True, start: int = 0) -> Iterator[StoredRecord]:
        """Yield the readable records, without control records and those of aborted transactions."""
        aborted = [(pid, first, marker) for pid, first, marker in self.aborted]
        for batch in self.batches:
            if batch.control or not batch.readable or batch.last < start:
                continue
            if committed and batch.base >= self.last_stable:
                continue
            if batch.transactional and any(
                pid == batch.producer_id and first <= batch.base < marker for pid, first, marker in aborted
            ):
                continue
            yield from records_of(batch.data)

    def _from(self, offset: int) -> Iterator[Batch]:
        low, high = 0, len(self.batches)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.batches[middle].last < offset else (low, middle)
        return iter(self.batches[low:])


def records_of(data: bytes) -> list[StoredRecord]:
    """Return the records of batches in bytes."""
    records, found = MemoryRecords(data), []
    while records.has_next():
        found += [
            StoredRecord(record.offset, record.timestamp, record.key, record.value, tuple(record.headers))
            for record in records.next_batch()
        ]
    return found


def make_batch(
    items: list[Item],
    *,
    timestamp_ms: int = 0,
    compression: int = 0,
    producer_id: int = -1,
    sequence: int = -1,
) -> bytes:
    """Return a batch of keys, values and headers; with a producer id it is part of a transaction."""
    builder = DefaultRecordBatchBuilder(2, compression, int(producer_id >= 0), producer_id, 0, sequence, 1 << 24)
    for number, (key, value, headers) in enumerate(items):
        builder.append(number, timestamp_ms, key, value, headers)
    return bytes(builder.build())


def _rebuilt(batch: Batch, remaining: list[StoredRecord]) -> Batch:
    if not remaining:
        return Batch(batch.base, batch.last, batch.epoch, batch.timestamp_ms, b"")
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 24)
    for record in remaining:
        builder.append(record.offset - batch.base, batch.timestamp_ms, record.key, record.value, list(record.headers))
    data = builder.build()
    fields = list(_HEADER.unpack_from(data))
    fields[0], fields[2], fields[6] = batch.base, batch.epoch, batch.last - batch.base
    fields[5] |= _LOG_APPEND_TIME
    _HEADER.pack_into(data, 0, *fields)
    _CRC.pack_into(data, _CRC_AT, calc_crc32c(bytes(data[_CRC_COVERS_FROM:])))
    return Batch(batch.base, batch.last, batch.epoch, batch.timestamp_ms, bytes(data))
