"""The table of results: which offset of its changelog it stores, on a real RocksDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

from infra.kafka_connection import KafkaConnection
from streams.worker.faust_app import TableResults, make_app

_ITEMS = {b"a": b"1", b"b": b"2"}


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Any]:
    """Yield the table of results of a worker that is not connected."""
    app = make_app(KafkaConnection("127.0.0.1:1"), tmp_path)
    table = TableResults(app, None)._table  # type: ignore[arg-type]
    yield table
    table.data._dbs.clear()


def _stored_offset(table: Any) -> int | None:
    stored: int | None = table.data.persisted_offset(TP("changelog", 0))
    return stored


async def test_the_offset_follows_what_is_written_without_a_gap(table: Any) -> None:
    table.write_batch(0, _ITEMS, 0, 1)
    assert _stored_offset(table) == 1
    table.write_batch(0, {b"c": b"3"}, 2, 2)
    assert _stored_offset(table) == 2


@pytest.mark.parametrize(("first", "last"), [(5, 6), (2, 4)])
async def test_recovery_reads_what_another_worker_wrote_in_between(table: Any, first: int, last: int) -> None:
    table.write_batch(0, _ITEMS, 0, 1)
    table.write_batch(0, {b"c": b"3", b"d": b"4"}, first, last)
    assert table.get_bytes(0, b"c") == b"3"
    assert _stored_offset(table) == 1
