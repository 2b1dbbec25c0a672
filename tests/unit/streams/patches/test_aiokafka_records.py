"""What a broker can hand out is read, or stands in one record that says why not; nothing raises and nothing is skipped.

Batches are built byte by byte, then damaged.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import textwrap
import tracemalloc
from itertools import pairwise
from time import process_time
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.record.util import calc_crc32c
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.envelope import Unreadable
from streams.patches.aiokafka_batches import MAX_HEADERS, MAX_RECORDS, without_read
from streams.patches.aiokafka_codecs import MAX_DECOMPRESSED_BYTES
from streams.patches.aiokafka_records import (
    _MAX_BYTES_PER_CALL,
    _bytes_left,
    _Fetched,
    _FetchResult,
    _PartitionRecords,
    record_bytes,
)
from streams.topics import MAX_MESSAGE_BYTES
from tests.paths import PROJECT
from tests.raw_batches import (
    ABORT,
    CODECS,
    COMMIT,
    CONTROL,
    GZIP,
    LZ4,
    PLAIN,
    SNAPPY,
    TRANSACTIONAL,
    ZSTD,
    batch,
    compress,
    record,
    varint,
)

_LENGTH_AT, _MAGIC_AT, _CRC_AT, _LAST_DELTA_AT = 8, 16, 17, 23


def _reader(
    raw: bytes, start: int = 0, end: int = 1000, *, aborted: Any = (), committed: bool = False, topic: str = "t"
) -> _PartitionRecords:
    level = READ_COMMITTED if committed else READ_UNCOMMITTED
    tp = TopicPartition(topic, 0)
    reader = _PartitionRecords(tp, _Fetched(raw), list(aborted), start, None, None, True, level)
    reader.end = end
    return reader


def _read(raw: bytes, start: int = 0, end: int = 1000, **options: Any) -> list[Any]:
    """Return each record's value; for an unreadable one its first and last offset and the cause."""
    return [_content(message) for message in _reader(raw, start, end, **options)]


def _content(message: Any) -> Any:
    if isinstance(message.headers, Unreadable):
        assert (message.offset, message.key, message.value) == (message.headers.last_offset, None, None)
        return (message.headers.first_offset, message.offset, message.headers.cause)
    return message.value


def _values(base: int, codec: int = PLAIN, records: int = 3, **options: Any) -> bytes:
    return batch(base, [record(n, b"%d" % (base + n)) for n in range(records)], codec, **options)


@pytest.mark.parametrize("start", [0, 1, 2, 4])
@pytest.mark.parametrize("codec", CODECS)
def test_every_record_is_read_once_and_in_order(codec: int, start: int) -> None:
    batches = [_values(0, codec), _values(3, GZIP), _values(6, codec)]
    raw = b"".join(batches[start // 3 :])  # a broker sends whole batches
    assert _read(raw, start) == [b"%d" % number for number in range(start, 9)]


def test_invalid_utf8_in_names_of_headers_is_replaced() -> None:
    headers = [(b"\xff\xfe", b"x"), (b"n", None)]
    raw = batch(0, [record(0, b"0"), record(1, b"1", headers=headers), record(2, b"2")])
    assert [message.headers for message in _reader(raw)] == [(), (("\ufffd\ufffd", b"x"), ("n", None)), ()]


def test_a_batch_with_a_wrong_checksum_is_one_unreadable_record() -> None:
    damaged = bytearray(_values(3))
    damaged[-1] ^= 1
    read = _read(_values(0) + bytes(damaged) + _values(6))
    assert read == [b"0", b"1", b"2", (3, 5, "its checksum is wrong"), b"6", b"7", b"8"]


def test_the_records_before_a_damaged_one_are_read() -> None:
    raw = batch(0, [record(0, b"0"), b"\x02\xff", record(2, b"2")]) + _values(3)
    first, (begin, end, _), *others = _read(raw)
    assert (first, begin, end, others) == (b"0", 1, 2, [b"3", b"4", b"5"])


@pytest.mark.parametrize(
    "data",
    [
        varint(1 << 40) + b"abc",
        varint(-5) + b"abc",
        record(1, b"1")[:-1],
        record(1, b"1").replace(b"\x02k", varint((1 << 62) + 1)),
        record(1, b"1").replace(b"\x02k", varint((1 << 63) - 1)),
        varint(6) + b"\0\0\x02\x01\x01" + varint(-3),  # a negative number of headers
        varint(15) + b"\0\0\x02\x01\x01" + varint(1 << 60),
        varint(7) + b"\0\0\x02\x01\x01\x02\x01",  # a header whose name is null
        record(500, b"beyond the batch"),
        b"\xff" * 30,
    ],
)
@pytest.mark.parametrize("codec", CODECS)
def test_records_that_do_not_parse_are_unreadable(codec: int, data: bytes) -> None:
    raw = batch(0, [record(0, b"0"), data], codec) + _values(2, records=1)
    first, *unreadable, last = _read(raw)
    assert (first, last) == (b"0", b"2")
    assert [cause[:2] for cause in unreadable] == [(1, 1)]


def test_bytes_after_the_last_record_are_ignored() -> None:
    raw = batch(0, [record(0, b"0"), record(1, b"1") + b"extra"]) + _values(2, records=1)
    assert _read(raw) == [b"0", b"1", b"2"]


@pytest.mark.parametrize("count", [1, 2, 5, -1, 1 << 30])
def test_a_wrong_number_of_records_is_unreadable_from_there(count: int) -> None:
    values = [content for content in _read(_values(0, count=count) + _values(3)) if isinstance(content, bytes)]
    assert values == [b"%d" % number for number in [*range(min(3, max(0, count))), 3, 4, 5]]
    unreadable = [content[:2] for content in _read(_values(0, count=count)) if not isinstance(content, bytes)]
    assert unreadable == ([(max(0, count), 2)] if count < 3 else [])


def test_a_compacted_batch_without_records_is_passed_over() -> None:
    reader = _reader(batch(0, [], last_delta=4) + _values(5))
    assert [message.value for message in reader] == [b"5", b"6", b"7"]
    assert reader.next_fetch_offset == 8


@pytest.mark.parametrize("codec", [5, 6, 7])
def test_an_unknown_codec_is_unreadable(codec: int) -> None:
    read = _read(_values(0, codec) + _values(3))
    assert read[0] == (0, 2, f"its compression codec {codec} is unknown")
    assert read[1:] == [b"3", b"4", b"5"]


@pytest.mark.parametrize("magic", [0, 1, 3, 127, -1])
def test_an_unknown_format_is_unreadable(magic: int) -> None:
    read = _read(_values(0, magic=magic) + _values(3))
    assert read[0][:2] == (0, 2)
    assert read[1:] == [b"3", b"4", b"5"]


@pytest.mark.parametrize("codec", CODECS[1:])
def test_compressed_data_that_is_cut_is_unreadable(codec: int) -> None:
    data = compress(codec, b"".join(record(n, b"abc" * 50) for n in range(3)))
    for cut in (0, 1, len(data) // 2, len(data) - 1):
        read = _read(_values(0, codec, data=data[:cut]) + _values(3))
        assert read[0][:2] == (0, 2)
        assert read[1:] == [b"3", b"4", b"5"]


@pytest.mark.parametrize("base", [-5, 2, 4, 500, 1 << 62])
def test_offsets_that_cannot_be_right_cover_only_what_lies_before_the_next_batch(base: int) -> None:
    damaged = bytearray(_values(3))
    damaged[:8] = struct.pack(">q", base)
    read = _read(_values(0) + bytes(damaged) + _values(6), end=9)
    assert read == [b"0", b"1", b"2", (3, 5, "its offsets are wrong"), b"6", b"7", b"8"]


@pytest.mark.parametrize("delta", [-1, 5, 1 << 30])
def test_an_end_that_cannot_be_right_hides_no_later_batch(delta: int) -> None:
    read = _read(_values(0, last_delta=delta) + _values(3), end=6)
    assert read == [(0, 2, "its offsets are wrong"), b"3", b"4", b"5"]


@pytest.mark.parametrize("length", [-1, 0, 13, 48, 1 << 30])
def test_a_wrong_length_moves_on_by_one_offset(length: int) -> None:
    damaged = bytearray(_values(0))
    damaged[_LENGTH_AT : _LENGTH_AT + 4] = struct.pack(">i", length)
    reader = _reader(bytes(damaged), 1)
    assert [_content(message) for message in reader] == [(1, 1, "its length is wrong")]
    assert reader.next_fetch_offset == 2


@pytest.mark.parametrize("length", [-1, 0, 13, 48, 49, 80, 200, 1 << 30])
def test_reading_continues_after_a_wrong_length(length: int) -> None:
    damaged = bytearray(_values(3))
    damaged[_LENGTH_AT : _LENGTH_AT + 4] = struct.pack(">i", length)
    for raw, start in ((_values(0) + bytes(damaged) + _values(6), 0), (bytes(damaged) + _values(6), 3)):
        first = _reader(raw, start, 9)
        read = [_content(message) for message in first]
        if first.next_fetch_offset == 3:  # it may be an intact batch that continues after the fetch
            read += _read(raw[len(_values(0)) :], 3, 9)
        assert read[:-4] == [b"0", b"1", b"2"][start:]
        assert read[-4][:2] == (3, 5)
        assert read[-3:] == [b"6", b"7", b"8"]


def test_batches_that_were_read_are_left_out() -> None:
    raw, damaged = _values(0) + _values(3), bytearray(_values(6))
    damaged[_CRC_AT] ^= 1
    assert without_read(raw, 2) == raw
    assert without_read(raw, 3) == _values(3)
    assert without_read(raw, 6) == b""
    assert without_read(raw + bytes(damaged) + _values(9), 6) == bytes(damaged) + _values(9)
    assert without_read(raw + bytes(damaged) + _values(9), 9) == _values(9)


def test_a_batch_that_is_cut_by_the_size_of_the_fetch_is_read_with_the_next() -> None:
    reader = _reader(_values(0) + _values(3)[:-1])
    assert [message.value for message in reader] == [b"0", b"1", b"2"]
    assert reader.next_fetch_offset == 3


@pytest.mark.parametrize("codec", CODECS)
def test_a_record_that_is_too_large_is_passed_over_alone(codec: int) -> None:
    raw = batch(0, [record(0, b"0"), record(1, bytes(MAX_MESSAGE_BYTES + 1)), record(2, b"2")], codec)
    first, (begin, end, cause), last = _read(raw)
    assert (first, begin, end, last) == (b"0", 1, 1, b"2")
    assert "bytes" in cause
    assert len(_read(raw, topic="t.dlq")[1]) == MAX_MESSAGE_BYTES + 1  # the letter of a record is larger than it


def test_a_record_with_too_many_headers_is_passed_over_alone() -> None:
    raw = batch(0, [record(0, b"0"), record(1, b"1", headers=[(b"", b"")] * (MAX_HEADERS + 1)), record(2, b"2")], ZSTD)
    first, (begin, end, cause), last = _read(raw)
    assert (first, begin, end, last) == (b"0", 1, 1, b"2")
    assert "headers" in cause


def test_10_000_headers_without_values_and_all_timestamps_are_read() -> None:
    headers: Any = [(b"n%d" % n, None) for n in range(10_000)]
    for timestamp in (-(1 << 63), -1, 0, 1 << 62, (1 << 63) - 1):
        [message] = _reader(batch(0, [record(0, None, None, headers)], timestamp=timestamp))
        assert (message.key, message.value, len(message.headers)) == (None, None, 10_000)
        assert message.timestamp in {timestamp, None}


def test_aborted_and_control_batches_are_passed_over() -> None:
    of_seven: dict[str, Any] = {"producer_id": 7, "attributes": TRANSACTIONAL}
    marker = of_seven | {"attributes": TRANSACTIONAL | CONTROL}
    raw = _values(0, **of_seven) + batch(3, [record(0, b"", ABORT)], **marker) + _values(4)
    raw += _values(7, **of_seven) + batch(10, [record(0, b"", COMMIT)], **marker)
    reader = _reader(raw, aborted=[(7, 0)], committed=True)
    assert [message.value for message in reader] == [b"4", b"5", b"6", b"7", b"8", b"9"]
    assert reader.next_fetch_offset == 11


@pytest.mark.parametrize("key", [None, b"", b"\0"])
def test_a_marker_that_cannot_be_read_is_passed_over(key: bytes | None) -> None:
    marker = batch(0, [record(0, b"", key)], producer_id=7, attributes=TRANSACTIONAL | CONTROL)
    assert _read(marker + _values(1), committed=True) == [b"1", b"2", b"3"]


def test_large_batches_are_unpacked_record_by_record() -> None:
    many = b"".join(record(0, b"", None) for _ in range(1)) * (MAX_DECOMPRESSED_BYTES // 8 // 8)
    count = len(many) // len(record(0, b"", None))
    raw = batch(0, [], ZSTD, data=compress(ZSTD, many), count=count, last_delta=count - 1)
    assert len(raw) < 100_000
    reader = _reader(raw, end=count)
    next(reader)
    assert reader.next_fetch_offset == 1


@pytest.mark.parametrize(("codec", "chunk", "chunks"), [(GZIP, 64, 24), (SNAPPY, 8, 32), (LZ4, 4, 384), (ZSTD, 64, 24)])
def test_a_bomb_needs_no_more_memory_than_the_limit(codec: int, chunk: int, chunks: int) -> None:
    """1.5 GB (snappy: 256 MB) are refused by a process that may use 600 MB, and what follows is read."""
    code = f"""
        import resource
        from tests.raw_batches import bomb
        from tests.unit.streams.patches.test_aiokafka_records import _read, _values
        raw = _values(0, {codec}, data=bomb({codec}, {chunk} << 20, {chunks})) + _values(3)
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (300 << 20),) * 2)
        first, *others = _read(raw)
        assert first[:2] == (0, 2) and "more than 64 MiB" in first[2], first
        assert others == [b"3", b"4", b"5"], others
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, cwd=PROJECT)


@pytest.mark.parametrize("offset", [0, 1_999_999])
def test_a_batch_of_millions_of_records_costs_no_more_than_the_largest_that_is_accepted(offset: int) -> None:
    """Offsets that repeat are passed over within one call, in which the worker does nothing else."""
    count = 2_000_000
    data = compress(ZSTD, count * record(offset, None, None))
    assert len(data) < 100_000
    started = process_time()
    raw = batch(0, [], ZSTD, data=data, count=count, last_delta=count - 1) + _values(count)
    found = _read(raw, end=count + 3)
    assert process_time() - started < 5.0, "a second where nothing else runs"
    assert found[-3:] == [str(count + number).encode() for number in range(3)]
    assert [item[2] for item in found if isinstance(item, tuple)] == (
        [f"it has {count} records, and at most {MAX_RECORDS} are accepted"] if not offset else []
    )


@pytest.mark.parametrize(("block", "count"), [(b"\0", 1_600_000), (b"\x01\0a", 1_100_000)])
def test_a_batch_of_tiny_snappy_blocks_takes_neither_time_nor_memory(block: bytes, count: int) -> None:
    data = compress(SNAPPY, b"")[:16] + count * (len(block).to_bytes(4, "big") + block)
    raw = _values(0, SNAPPY, data=data) + _values(3)
    tracemalloc.start()
    started = process_time()
    first, *others = _read(raw)
    assert process_time() - started < 2.0, "a quarter of a second where nothing else runs"
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()
    assert "blocks of snappy" in first[2]
    assert others == [b"3", b"4", b"5"]


@st.composite
def _damaged(draw: st.DrawFn) -> tuple[bytes, int, int]:
    """Return three batches with one byte changed or their end cut; then the first changed byte and the end offset."""
    batches, base = [], 0
    for _ in range(3):
        records = draw(st.integers(1, 4))
        batches.append(_values(base, draw(st.sampled_from(CODECS)), records))
        base += records
    raw = bytearray(b"".join(batches))
    place = draw(st.integers(0, len(raw) - 1))
    if draw(st.booleans()):
        return bytes(raw[:place]), place, base
    raw[place] ^= draw(st.integers(1, 255))
    if draw(st.booleans()):  # the damage is older than the checksum
        start = max(n for n in (0, len(batches[0]), len(batches[0]) + len(batches[1])) if n <= place)
        _seal(raw, start)
    return bytes(raw), place, base


def _seal(raw: bytearray, start: int) -> None:
    (length,) = struct.unpack_from(">i", raw, start + _LENGTH_AT)
    if 49 <= length <= len(raw) - start - 12:
        checksum = calc_crc32c(bytes(raw[start + 21 : start + 12 + length]))
        raw[start + _CRC_AT : start + _CRC_AT + 4] = struct.pack(">I", checksum)


def test_bytes_after_the_end_of_the_partition_are_no_record() -> None:
    """The next record that is written has the offset of the end, and must not be passed over."""
    reader = _reader(_values(0, 0, 3) + bytes(100), 0, 3)
    assert [_content(message) for message in reader] == [b"0", b"1", b"2"]
    assert reader.next_fetch_offset == 3


@settings(max_examples=400, deadline=None)
@given(_damaged())
def test_damage_never_raises_and_hides_nothing_before_it(damaged: tuple[bytes, int, int]) -> None:
    raw, place, end = damaged
    if not raw:
        return
    reader = _reader(raw, 0, end)
    positions, values = [0], []
    for message in reader:
        positions.append(reader.next_fetch_offset)
        assert record_bytes(message) <= MAX_DECOMPRESSED_BYTES
        values.append(_content(message))
    assert all(earlier < later for earlier, later in pairwise(positions))
    assert 0 < reader.next_fetch_offset <= max(end, 1)
    before = _complete_before(raw, place)
    assert values[: len(before)] == before


def _complete_before(raw: bytes, place: int) -> list[bytes]:
    """Return the values of the batches that end before `place`."""
    start, complete = 0, 0
    while start + 12 <= place:
        (length,) = struct.unpack_from(">i", raw, start + _LENGTH_AT)
        start += 12 + length
        complete = start if start <= place else complete
    return _read(raw[:complete]) if complete else []


def test_importing_the_client_does_not_change_aiokafka() -> None:
    """A program that imports the client may use aiokafka itself."""
    code = (
        # Importing a submodule adds its name to the package: all that the client imports is imported before.
        "import aiokafka, aiokafka.admin, aiokafka.consumer.consumer as c, aiokafka.consumer.fetcher as f\n"
        "def attributes(): return [dict(vars(m)) for m in (aiokafka, c, f, f.Fetcher, c.AIOKafkaConsumer)]\n"
        "before = attributes()\n"
        "from streams.client import Client\n"
        "assert attributes() == before\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT)


async def test_one_call_returns_records_of_bounded_size() -> None:
    """Each batch of a fetch may decompress to 64 MiB: a fetch of 8 MiB has space for a thousand of them."""
    tp, records = TopicPartition("t", 0), [record(number, bytes(6 << 20)) for number in range(10)]
    assignment = Assignment([tp])
    assignment.state_value(tp).seek(0)
    reader = _reader(batch(0, records, ZSTD))
    result = _FetchResult(tp, assignment=assignment, partition_records=reader, backoff=0)
    counts = []
    while result.has_more():
        _bytes_left.set([_MAX_BYTES_PER_CALL])
        counts.append(len(result.getall(64)))
        assert result.getall(64) == [], "the call has no bytes left"
        assert assignment.state_value(tp).position == sum(counts)
    assert counts == [3, 3, 3, 1]
