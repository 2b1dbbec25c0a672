"""Positions that an earlier version stored, as plain offsets, are read."""

from __future__ import annotations

from pathlib import Path

from aiokafka import TopicPartition
from rocksdict import Options, Rdict

from streams.log_position import Position
from streams.views.requests import Requests

_TP = TopicPartition("bachata.move-indexed.v1", 3)


def test_the_requests_read_plain_offsets(tmp_path: Path) -> None:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    stored = Rdict(str(tmp_path / "requests"), options)
    stored[f"p{_TP.topic}:{_TP.partition}".encode()] = b"41"
    stored.close()
    requests = Requests(tmp_path / "requests")
    assert requests.positions() == {_TP: Position(41)}
    requests.close()
