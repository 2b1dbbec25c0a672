"""A header's name that is no UTF-8 stops nobody: its record is read, and those beside it."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from streams.patches.aiokafka_headers import read_leniently

_PLAIN, _GZIP = 0, 1


class _Odd(str):
    """A name that is written as bytes that are no text."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


_HEADERS = ([("a", b"1")], [(_Odd("ab"), b"x"), ("n", None)], [("c", b"3")])


def _batch(base: int, compression: int) -> bytes:
    builder = _DefaultRecordBatchBuilderPy(2, compression, 0, -1, -1, -1, 16384)
    for number, headers in enumerate(_HEADERS):
        builder.append(number, timestamp=1, key=b"k", value=b"%d" % (base + number), headers=headers)
    built = bytearray(builder.build())
    built[:8] = base.to_bytes(8, "big")
    return bytes(built)


@pytest.fixture(autouse=True)
def _lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher, "MemoryRecords", fetcher.MemoryRecords)  # put back afterwards
    read_leniently()


@pytest.mark.parametrize("start", [0, 1, 2, 4])
def test_every_record_is_read_once_and_in_order(start: int) -> None:
    batches = [_batch(0, _PLAIN), _batch(3, _GZIP), _batch(6, _PLAIN)]
    raw = b"".join(batches[start // 3 :])  # a broker sends whole batches
    records = fetcher.MemoryRecords(raw)
    read = list(fetcher.PartitionRecords(TopicPartition("t", 0), records, [], start, None, None, True, 0))
    assert [record.value for record in read] == [b"%d" % number for number in range(start, 9)]
    odd = [record.headers for record in read if record.offset % 3 == 1]
    assert all(headers == (("\ufffd\ufffd", b"x"), ("n", None)) for headers in odd)
