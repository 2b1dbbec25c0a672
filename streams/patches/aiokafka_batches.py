"""Reading of record batches, of which every byte may be wrong.

Upstream: aiokafka 0.14.0 stops a consumer permanently at a batch that it cannot read, and reads past the end of one
that is too short. No issue is known. Remove this module when aiokafka reads every batch or passes over it.

The format is described in Kafka's documentation, "Record Batch". The broker checks neither a batch's place and length
after it has stored it, nor anything else; the checksum covers all but the first 21 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka.record.default_records import DefaultRecord, DefaultRecordBatch

from streams.patches.aiokafka_codecs import DecompressionError, decompress
from streams.topics import MAX_DEAD_LETTER_BYTES, MAX_MESSAGE_BYTES

UPSTREAM = ("aiokafka", "0.14.0")
MAX_HEADERS = 100_000  # of a record: each needs 100 to 200 bytes of memory and only two of the batch
MAX_RECORDS = 100_000  # of a batch: a few KB may hold millions, each with a dead letter and microseconds of work
_ADDED_HEADERS = 100  # at most, of a dead letter
_HEADER = struct.Struct(">qiibIhiqqqhii")
_BASE, _LENGTH = struct.Struct(">q"), struct.Struct(">i")
_LENGTH_OFFSET, _OVERHEAD = 8, 12  # the length counts the bytes that follow it
_MAGIC, _MAGIC_OFFSET = 2, 16
_MAX_BATCH_BYTES = 2 * MAX_DEAD_LETTER_BYTES  # a topic takes batches of 8 or 9 MiB
_MAX_TRIES = 1000  # to find a batch, each of which computes a checksum
_CODEC, _LOG_APPEND_TIME, _TRANSACTIONAL, _CONTROL = 0x07, 0x08, 0x10, 0x20
_CODEC_OFFSET = 22  # the lower byte of the attributes
_MAX_VARINT_BYTES = 10


class DamagedError(Exception):
    """A batch, or the rest of it, cannot be read."""


class Limits(NamedTuple):
    """The largest record that is read."""

    record_bytes: int
    headers: int


def limits_of(topic: str) -> Limits:
    """Return the limits of a topic: the letter of the largest record must fit into the dead letter topic."""
    if topic.endswith(".dlq"):
        return Limits(MAX_DEAD_LETTER_BYTES, MAX_HEADERS + _ADDED_HEADERS)
    return Limits(MAX_MESSAGE_BYTES, MAX_HEADERS)


class Oversized(NamedTuple):
    """A record that is too large to be read."""

    offset: int
    cause: str


@dataclass
class Batch:
    """A batch of the records from `base` to `last`, which need not all be there.

    `damage` says why none of them can be read, or is None.
    """

    base: int
    last: int
    data: memoryview
    header: tuple[int, ...]
    reader: Any  # aiokafka's fast one, for the batch as it is
    damage: str | None = None

    @property
    def next_offset(self) -> int:
        """Return the offset after the batch."""
        return self.last + 1

    @property
    def attributes(self) -> int:
        """Return the flags of the batch."""
        return self.header[5]

    @property
    def is_transactional(self) -> bool:
        """Return whether the records belong to a transaction."""
        return bool(self.attributes & _TRANSACTIONAL)

    @property
    def is_control_batch(self) -> bool:
        """Return whether the batch is a transaction's commit or abort marker."""
        return bool(self.attributes & _CONTROL)

    @property
    def producer_id(self) -> int:
        """Return the id of the producer."""
        return self.header[9]

    def uncompressed(self) -> bytes | memoryview:
        """Return the batch without compression. Its checksum is not updated. Raises: `DamagedError`."""
        codec = self.attributes & _CODEC
        if not codec:
            return self.data
        header = bytearray(self.data[: _HEADER.size])
        header[_CODEC_OFFSET] &= ~_CODEC
        try:
            return decompress(codec, self.data[_HEADER.size :], bytes(header))
        except DecompressionError as error:
            raise DamagedError(str(error)) from error


class _Frame(NamedTuple):
    """The bytes of a batch. Where its length is wrong, they reach to the next intact batch, and `header` is empty."""

    data: memoryview
    header: tuple[int, ...]
    reader: Any
    is_intact: bool

    @property
    def base(self) -> int:
        """Return the offset that the batch claims to begin with."""
        return self.header[0] if self.header else -1

    @property
    def last(self) -> int:
        """Return the offset that the batch claims to end with."""
        return self.header[0] + self.header[6] if self.header else -1


def batches(raw: bytes, position: Callable[[], int], end: int | None) -> Iterator[Batch]:
    """Yield the batches that a broker returned for the offsets from `position()` to `end`, the end of the partition.

    `position` returns the offset to be read next. Each batch contains offsets from there on; a batch at the end that
    is not complete is left out, unless it is the only one.
    """
    frames = _frames(raw, position, end)
    current, first_base = next(frames, None), 0  # only the first batch may begin before the position
    while current is not None:
        if not current.is_intact and end is not None and position() >= end:
            return  # nothing was written there, and what will be must not be passed over
        following = next(frames, None)
        yield _located(current, first_base, position(), None if following is None else following.base, end)
        current, first_base = following, position()


def without_read(raw: bytes, position: int) -> bytes:
    """Return fetched batches without those before `position`, but with a damaged one that may contain it."""
    view, start = memoryview(raw), 0
    while (frame := _frame_at(view, start)) is not None and frame.is_intact and frame.last < position:
        start += len(frame.data)
    at = _next_intact(view, start + 1, position - 1, None)
    if at is not None and _BASE.unpack_from(view, at)[0] == position:
        return raw[at:]
    return raw[start:]


def _frames(raw: bytes, position: Callable[[], int], end: int | None) -> Iterator[_Frame]:
    """Yield the batches of a fetch. After a damaged one, reading continues at the next that is intact."""
    view, start = memoryview(raw), 0
    while start < len(raw):
        frame = _frame_at(view, start)
        if frame is None and start and _is_cut(raw, start):
            return  # the end of the fetch: the broker sends only the first batch whole
        stop = start + len(frame.data) if frame is not None else None
        if frame is None or not (frame.is_intact or stop == len(raw) or _is_intact_at(view, stop)):
            stop = _next_intact(view, start + 1, position(), end)
            frame = frame or _Frame(view[start:stop], (), None, is_intact=False)
        yield frame
        if stop is None:
            return
        start = stop


def _frame_at(view: memoryview, start: int) -> _Frame | None:
    """Return the batch that begins at `start`, or None if its length cannot be right."""
    if len(view) - start < _HEADER.size:
        return None
    stop = start + _OVERHEAD + _LENGTH.unpack_from(view, start + _LENGTH_OFFSET)[0]
    if not start + _HEADER.size <= stop <= len(view):
        return None
    data = view[start:stop]
    reader = DefaultRecordBatch(data)
    return _Frame(data, _HEADER.unpack_from(data), reader, bool(reader.validate_crc()))


def _is_cut(raw: bytes, start: int) -> bool:
    """Return whether the batch at `start` may be an intact one that continues after the fetch."""
    if len(raw) - start < _OVERHEAD:
        return True
    length: int = _LENGTH.unpack_from(raw, start + _LENGTH_OFFSET)[0]
    return len(raw) - start - _OVERHEAD < length <= _MAX_BATCH_BYTES


def _is_intact_at(view: memoryview, start: int | None) -> bool:
    frame = None if start is None else _frame_at(view, start)
    return frame is not None and frame.is_intact


def _next_intact(view: memoryview, start: int, position: int, end: int | None) -> int | None:
    """Return where the next intact batch begins, which has offsets after `position`; None if none is found."""
    raw, tries = bytes(view[start:]), 0
    place = raw.find(_MAGIC, _MAGIC_OFFSET)
    while place >= 0 and tries < _MAX_TRIES:
        at = start + place - _MAGIC_OFFSET
        base = _BASE.unpack_from(view, at)[0]
        if position < base and (end is None or base < end):
            tries += 1
            if _is_intact_at(view, at):
                return at
        place = raw.find(_MAGIC, place + 1)
    return None


def _located(frame: _Frame, first_base: int, position: int, next_base: int | None, end: int | None) -> Batch:
    """Return a batch; if its offsets cannot be right, it covers those from `position` to the next batch."""
    base, last = frame.base, frame.last
    if frame.is_intact and base == position and frame.header[6] == frame.header[12] - 1:
        next_base = None  # if one of the two is wrong, it is the next
    bound = end if end is not None and end > position else None
    if next_base is not None and next_base > position and (bound is None or next_base < bound):
        bound = next_base
    damage = None if frame.is_intact else "its checksum is wrong"
    if base < first_base or last < max(base, position) or (bound is not None and last >= bound):
        damage = "its offsets are wrong" if frame.header else "its length is wrong"
        base, last = position, position if next_base is None or bound != next_base else bound - 1
    elif damage is None and frame.header[3] != _MAGIC:
        damage = f"its format {frame.header[3]} is unknown"
    return Batch(base, last, frame.data, frame.header, frame.reader, damage)


def read_carefully(uncompressed: bytes | memoryview, limits: Limits) -> Iterator[Any]:
    """Yield the records of a batch as aiokafka does; in the names of headers, invalid UTF-8 is replaced.

    Each size is checked before anything is copied. A record that is too large is yielded as an `Oversized`.
    Raises: `DamagedError` at the first record that cannot be read.
    """
    header = _HEADER.unpack_from(uncompressed)
    reader = _Reader(memoryview(uncompressed), _HEADER.size)
    for number in range(header[12]):
        if number == MAX_RECORDS:
            raise DamagedError(f"it has {header[12]} records, and at most {MAX_RECORDS} are accepted")
        size = reader.varint()
        stop = reader.start + size
        if not 0 < size <= len(reader.data) - reader.start:
            raise DamagedError("a record has a wrong length")
        yield _record(_Reader(reader.data[:stop], reader.start), header, limits)
        reader.start = stop
    if reader.start != len(reader.data):
        raise DamagedError("it has more bytes than records")


def _record(reader: _Reader, header: Any, limits: Limits) -> Any:
    size = len(reader.data) - reader.start
    base, attributes, first_timestamp, max_timestamp = header[0], header[5], header[7], header[8]
    reader.varint()  # the attributes of a record are not used
    delta = reader.varint()
    timestamp = max_timestamp if attributes & _LOG_APPEND_TIME else _as_int64(first_timestamp + delta)
    offset = base + reader.varint()
    if size > limits.record_bytes:
        return Oversized(offset, f"it has {size} bytes, and at most {limits.record_bytes} are accepted")
    key, value, headers = reader.nullable(), reader.nullable(), reader.varint()
    if headers > limits.headers:
        return Oversized(offset, f"it has {headers} headers, and at most {limits.headers} are accepted")
    pairs = reader.headers(headers)
    return DefaultRecord(offset, timestamp, int(bool(attributes & _LOG_APPEND_TIME)), key, value, pairs)


def _as_int64(number: int) -> int:
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)  # as aiokafka's reader, which is compiled


@dataclass
class _Reader:
    """Reads the fields of records from `data`. Its methods raise `DamagedError` at what cannot be right."""

    data: memoryview
    start: int

    def varint(self) -> int:
        """Read a signed integer."""
        number = 0
        for index, byte in enumerate(self.data[self.start : self.start + _MAX_VARINT_BYTES]):
            number |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                self.start += index + 1
                return (number >> 1) ^ -(number & 1)
        raise DamagedError("a record ends within a number, or a number is too large")

    def nullable(self) -> bytes | None:
        """Read bytes, or None."""
        size = self.varint()
        return None if size < 0 else self._bytes(size)

    def headers(self, count: int) -> list[tuple[str, bytes | None]]:
        """Read the headers of a record, which end where the record does."""
        if count < 0:
            raise DamagedError("a record has a negative number of headers")
        found = [(self._bytes(self.varint()).decode("utf-8", "replace"), self.nullable()) for _ in range(count)]
        if self.start != len(self.data):
            raise DamagedError("a record has more bytes than fields")
        return found

    def _bytes(self, size: int) -> bytes:
        if not 0 <= size <= len(self.data) - self.start:
            raise DamagedError("a field of a record has a wrong length")
        found = bytes(self.data[self.start : self.start + size])
        self.start += size
        return found
