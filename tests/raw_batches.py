"""Record batches of Kafka, built byte by byte: also such as no producer writes."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Sequence

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
        return bytes(cramjam.lz4.compress(data))
    return bytes(cramjam.zstd.compress(data)) if codec == ZSTD else data


def bomb(codec: int, chunk_bytes: int, chunks: int) -> bytes:
    """Return compressed data that unfolds to zeros, `chunks` times `chunk_bytes`."""
    zeros = bytes(chunk_bytes)
    if codec == GZIP:
        deflate = zlib.compressobj(9, wbits=31)
        head = deflate.compress(b"") + deflate.flush(zlib.Z_FULL_FLUSH)
        return head + chunks * (deflate.compress(zeros) + deflate.flush(zlib.Z_FULL_FLUSH)) + deflate.flush()
    if codec == SNAPPY:
        block = bytes(cramjam.snappy.compress_raw(zeros))
        return bytes(snappy_encode(b"")[:16]) + chunks * (struct.pack(">i", len(block)) + block)
    if codec == LZ4:
        frame = bytes(lz4_encode(zeros, level=1))
        return frame[:7] + chunks * frame[7:-4] + bytes(4)
    return chunks * bytes(cramjam.zstd.compress(zeros))
