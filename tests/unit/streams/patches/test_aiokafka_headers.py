"""A record with a header name that is not UTF-8 is read, and so are the records around it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from streams.patches.aiokafka_headers import _Records
from tests.paths import PROJECT

_PLAIN, _GZIP = 0, 1


class _InvalidName(str):
    """A header name that is encoded as invalid UTF-8."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


_HEADERS = ([("a", b"1")], [(_InvalidName("ab"), b"x"), ("n", None)], [("c", b"3")])


def _batch(base: int, compression: int) -> bytes:
    builder = _DefaultRecordBatchBuilderPy(2, compression, 0, -1, -1, -1, 16384)
    for number, headers in enumerate(_HEADERS):
        builder.append(number, timestamp=1, key=b"k", value=b"%d" % (base + number), headers=headers)
    built = bytearray(builder.build())
    built[:8] = base.to_bytes(8, "big")
    return bytes(built)


@pytest.mark.parametrize("start", [0, 1, 2, 4])
def test_every_record_is_read_once_and_in_order(start: int) -> None:
    batches = [_batch(0, _PLAIN), _batch(3, _GZIP), _batch(6, _PLAIN)]
    raw = b"".join(batches[start // 3 :])  # a broker sends whole batches
    records = _Records(raw)
    read = list(fetcher.PartitionRecords(TopicPartition("t", 0), records, [], start, None, None, True, 0))
    assert [record.value for record in read] == [b"%d" % number for number in range(start, 9)]
    invalid = [record.headers for record in read if record.offset % 3 == 1]
    assert all(headers == (("\ufffd\ufffd", b"x"), ("n", None)) for headers in invalid)


def test_importing_the_client_does_not_change_aiokafka() -> None:
    """A program that imports the client may use aiokafka itself."""
    code = (
        "import aiokafka, aiokafka.consumer.consumer as c, aiokafka.consumer.fetcher as f\n"
        "def attributes(): return [dict(vars(m)) for m in (aiokafka, c, f, f.Fetcher, c.AIOKafkaConsumer)]\n"
        "before = attributes()\n"
        "from streams.client import Client\n"
        "assert attributes() == before\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT)
