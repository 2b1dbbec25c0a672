"""Decompression of Kafka's record batches with a limit that holds while they are decompressed.

Upstream: aiokafka 0.14.0 decompresses a batch whole, whatever its size: 1.5 MB of gzip may become 1.5 GB. No issue is
known. Remove this module when aiokafka has a limit.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from itertools import islice

import cramjam

UPSTREAM = ("aiokafka", "0.14.0")
MAX_DECOMPRESSED_BYTES = 64 << 20  # eight of the largest records; producers make batches of 16 KiB to 1 MiB

_GZIP_ONLY = 31  # zlib's code for a gzip header and the largest window
_XERIAL_MAGIC = b"\x82SNAPPY\x00"  # of the framing around raw snappy that Java's clients write
_XERIAL_HEADER_BYTES = 16
_FIRST_BUFFER_BYTES = 128 << 10
_BUFFER_GROWTH = 8
_BUFFER_IS_FULL = "whole buffer"  # in the message of cramjam's only class of errors
_BLOCK_LENGTH = struct.Struct(">i")
_MAX_BLOCKS = MAX_DECOMPRESSED_BYTES >> 10  # producers make blocks of 1 KiB at least, all but the last


class DecompressionError(Exception):
    """Data cannot be decompressed, or not within the limit."""


def decompress(codec: int, data: memoryview, prefix: bytes = b"") -> bytes | memoryview:
    """Return `prefix` and the decompressed data, which has at most 64 MiB.

    `codec` is the number in the batch's attributes: 1 gzip, 2 snappy, 3 lz4, 4 zstd. Raises: `DecompressionError`.
    """
    algorithm = _CODECS.get(codec)
    if algorithm is None:
        raise DecompressionError(f"its compression codec {codec} is unknown")
    try:
        return algorithm(data, prefix)
    except (zlib.error, cramjam.DecompressionError, struct.error) as error:
        raise DecompressionError(f"it cannot be decompressed: {error}") from error


def _gunzip(data: memoryview, prefix: bytes) -> bytes:
    stream = zlib.decompressobj(_GZIP_ONLY)
    decompressed = stream.decompress(data, MAX_DECOMPRESSED_BYTES + 1)
    _check_size(len(decompressed))
    if not stream.eof or stream.unused_data:
        raise DecompressionError("it cannot be decompressed: its data is not one gzip stream")
    return prefix + decompressed


def _unsnappy(data: memoryview, prefix: bytes) -> memoryview:
    blocks = list(islice(_snappy_blocks(data), _MAX_BLOCKS + 1))
    if len(blocks) > _MAX_BLOCKS:
        raise DecompressionError(f"it has more than {_MAX_BLOCKS} blocks of snappy")
    sizes = [cramjam.snappy.decompress_raw_len(block) for block in blocks]
    _check_size(sum(sizes))
    view, start = _buffer(prefix, sum(sizes)), len(prefix)
    for block, size in zip(blocks, sizes, strict=True):
        if cramjam.snappy.decompress_raw_into(block, view[start : start + size]) != size:
            raise DecompressionError("it cannot be decompressed: a block of snappy has another size than it declares")
        start += size
    return view


def _snappy_blocks(data: memoryview) -> Iterator[memoryview]:
    if bytes(data[: len(_XERIAL_MAGIC)]) != _XERIAL_MAGIC:
        yield data
        return
    start = _XERIAL_HEADER_BYTES
    while start < len(data):
        (length,) = _BLOCK_LENGTH.unpack_from(data, start)
        start += _BLOCK_LENGTH.size
        if not 0 < length <= len(data) - start:
            raise DecompressionError("it cannot be decompressed: a block of snappy has a wrong length")
        yield data[start : start + length]
        start += length


def _into_growing_buffer(decompress_into: Callable[[memoryview, memoryview], int]) -> Callable[..., memoryview]:
    def decompress(data: memoryview, prefix: bytes) -> memoryview:
        size = max(_FIRST_BUFFER_BYTES, _BUFFER_GROWTH * len(data))
        while True:
            size = min(size, MAX_DECOMPRESSED_BYTES)
            view = _buffer(prefix, size)
            try:
                return view[: len(prefix) + decompress_into(data, view[len(prefix) :])]
            except cramjam.DecompressionError as error:
                if _BUFFER_IS_FULL not in str(error):
                    raise
            if size == MAX_DECOMPRESSED_BYTES:
                _check_size(size + 1)
            size *= _BUFFER_GROWTH

    return decompress


def _buffer(prefix: bytes, size: int) -> memoryview:
    buffer = bytearray(len(prefix) + size)
    buffer[: len(prefix)] = prefix
    return memoryview(buffer)


def _check_size(size: int) -> None:
    if size > MAX_DECOMPRESSED_BYTES:
        raise DecompressionError(f"it decompresses to more than {MAX_DECOMPRESSED_BYTES >> 20} MiB")


_CODECS: dict[int, Callable[[memoryview, bytes], bytes | memoryview]] = {
    1: _gunzip,
    2: _unsnappy,
    3: _into_growing_buffer(cramjam.lz4.decompress_into),
    4: _into_growing_buffer(cramjam.zstd.decompress_into),
}
