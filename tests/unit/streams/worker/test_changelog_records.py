"""Records of the changelog that are no results: none is stored, none stops a lookup, and the offset moves past them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from infra.kafka_connection import KafkaConnection
from streams.envelope import Unreadable
from streams.worker.faust_app import TableResults, make_app

_PARTITION = 2


def _event(tp: TP, offset: int, key: bytes | None, value: bytes | None, headers: Any = ()) -> Any:
    message = SimpleNamespace(tp=tp, partition=tp.partition, offset=offset, key=key, value=value, headers=headers)
    return SimpleNamespace(message=message)


@pytest.fixture
async def results(tmp_path: Path) -> Any:
    publisher: Any = None
    return TableResults(make_app(KafkaConnection("127.0.0.1:1"), tmp_path), publisher)


async def test_only_results_are_stored_and_the_offset_moves_on(
    results: TableResults, caplog: pytest.LogCaptureFixture
) -> None:
    table: Any = results._table
    tp = TP(table.changelog_topic_name, _PARTITION)
    table.apply_changelog_batch(
        [
            _event(tp, 0, b"good", b"{}"),
            _event(tp, 1, None, b"without key"),
            _event(tp, 2, None, None),
            _event(tp, 3, table.data.offset_key, b"no number"),
            _event(tp, 4, b"not UTF-8", b"\xff\xfe"),
            _event(tp, 5, b"removed", None),
            _event(tp, 9, None, None, Unreadable(6, 9, "its checksum is wrong")),
        ]
    )
    assert table.data.persisted_offset(tp) == 9
    assert results.get(_PARTITION, "good") == "{}"
    assert [results.get(_PARTITION, key) for key in ("not UTF-8", "removed", "unknown")] == [None] * 3
    skipped = [record.getMessage() for record in caplog.records if "is skipped" in record.getMessage()]
    assert [text.partition("@")[2].partition(":")[0] for text in skipped] == [
        "1 is skipped",
        "3 is skipped",
        "9 is skipped",
    ]
