"""Record batches of Kafka, built byte by byte: also such as no producer writes."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import cramjam
from aiokafka.codec import lz4_encode, snappy_encode
from aiokafka.record.util import calc_crc32c

PLAIN, GZIP, SNAPPY, LZ4, ZSTD = range(5)
CODECS = (PLAIN, GZIP, SNAPPY, LZ4, ZSTD)
TRANSACTIONAL, CONTROL = 0x10, 0x20
ABORT, COMMIT = bytes(4), b"\x00\x00\x00\x01"  # the keys of control records
_AFTER_CRC = struct.Struct(">hiqqqhii")


def varint(number: int) -> bytes:
    """Return a signed integer as Kafka writes it."""
    unsigned = (number << 1) ^ (number >> 63)
    found = bytearray()
    while unsigned > 0x7F:
        found.append(0x80 | (unsigned & 0x7F))
        unsigned >>= 7
    return bytes([*found, unsigned])


def nullable(value: bytes | None) -> bytes:
    """Return bytes with their length, or None."""
    return varint(-1) if value is None else varint(len(value)) + value


def record(
    delta: int,
    value: bytes | None,
    key: bytes | None = b"k",
    headers: Sequence[tuple[bytes, bytes | None]] = (),
    timestamp_delta: int = 0,
) -> bytes:
    """Return a record; `delta` is its offset less the batch's."""
    fields = b"".join(nullable(name) + nullable(content) for name, content in headers)
    body = b"\0" + varint(timestamp_delta) + varint(delta) + nullable(key) + nullable(value)
    body += varint(len(headers)) + fields
    return varint(len(body)) + body


def batch(
    base: int,
    records: Sequence[bytes],
    codec: int = PLAIN,
    *,
    data: bytes | None = None,
    count: int | None = None,
    last_delta: int | None = None,
    attributes: int = 0,
    producer_id: int = -1,
    timestamp: int = 1000,
    magic: int = 2,
) -> bytes:
    """Return a batch with a right checksum. `data`, if given, is the records as compressed; the rest overrides."""
    data = compress(codec, b"".join(records)) if data is None else data
    count = len(records) if count is None else count
    last_delta = len(records) - 1 if last_delta is None else last_delta
    fields = (codec | attributes, last_delta, timestamp, timestamp, producer_id, 0, -1, count)
    checked = _AFTER_CRC.pack(*fields) + data
    return struct.pack(">qiibI", base, len(checked) + 9, 0, magic, calc_crc32c(checked)) + checked


def compress(codec: int, data: bytes) -> bytes:
    """Return the data as producers compress it."""
    if codec == GZIP:
        return gzip.compress(data, mtime=0)
    if codec == SNAPPY:
        return bytes(snappy_encode(data))
    if codec == LZ4:
        return bytes(lz4_encode(data))
    return bytes(cramjam.zstd.compress(data)) if codec == ZSTD else data


def bomb(codec: int, chunk_bytes: int, chunks: int, head: bytes = b"") -> bytes:
    """Return compressed data that decompresses to `head` and zeros, `chunks` times `chunk_bytes`."""
    zeros = bytes(chunk_bytes)
    if codec == GZIP:
        return _gzip_bomb(head, zeros, chunks)
    if codec == SNAPPY:
        return bytes(snappy_encode(b"")[:16]) + _snappy_block(head) + chunks * _snappy_block(zeros)
    if codec == LZ4:
        begin, block = _lz4_frame(head), _lz4_frame(zeros)
        return (begin[:-4] if head else begin[:7]) + chunks * block[7:-4] + bytes(4)
    frame = bytes(cramjam.zstd.compress(zeros))
    return (bytes(cramjam.zstd.compress(head)) if head else b"") + chunks * frame


def _gzip_bomb(head: bytes, zeros: bytes, chunks: int) -> bytes:
    deflate, checksum = zlib.compressobj(9, wbits=-15), zlib.crc32(head)
    begin = deflate.compress(head) + deflate.flush(zlib.Z_FULL_FLUSH)
    chunk = deflate.compress(zeros) + deflate.flush(zlib.Z_FULL_FLUSH)
    for _ in range(chunks):
        checksum = zlib.crc32(zeros, checksum)
    trailer = struct.pack("<II", checksum, len(head) + chunks * len(zeros))
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + begin + chunks * chunk + deflate.flush() + trailer


def _snappy_block(data: bytes) -> bytes:
    block = bytes(cramjam.snappy.compress_raw(data))
    return struct.pack(">i", len(block)) + block if data else b""


def _lz4_frame(data: bytes) -> bytes:
    return bytes(lz4_encode(data, level=1))


def large_record_head(size: int) -> bytes:
    """Return the start of a record whose value is of `size` bytes; zeros follow, one more than those."""
    fields = b"\0\0\0" + nullable(b"k") + varint(size)
    return varint(len(fields) + size + 1) + fields


async def send_raw(producer: Any, topic: str, partition: int, raw: bytes) -> int:
    """Produce a batch as it is and return the offset that the broker gives to its first record."""
    builder = producer.create_batch()
    builder.append(timestamp=None, key=b"", value=b"")
    builder.close()
    builder._buffer = bytearray(raw)
    sent = await (await producer.send_batch(builder, topic, partition=partition))
    return int(sent.offset)
