"""Records that cannot be read are counted once, however often a topic is read."""

from __future__ import annotations

import pytest

from streams.envelope import Record, Unreadable
from streams.operations.topic_history import Unreadables


def _gap(first: int, last: int, topic: str = "songs") -> Record:
    return Record(topic, 2, last, None, None, unreadable=Unreadable(first, last, "its checksum is wrong"))


def test_each_unreadable_record_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    unreadables = Unreadables()
    for _ in range(2):
        assert unreadables.add(_gap(3, 5))
        assert unreadables.add(_gap(8, 8))
        assert not unreadables.add(Record("songs", 2, 9, b"key", b"value"))
        unreadables.warn()
    unreadables.add(_gap(1, 1, "clips"))
    unreadables.warn()
    assert [record.getMessage() for record in caplog.records] == [
        "4 records are left out; of songs[2], offsets 3 to 5 cannot be read: its checksum is wrong",
        "1 records are left out; of clips[2], offset 1 cannot be read: its checksum is wrong",
    ]
