"""Positions that an earlier version stored, as plain offsets, are read."""

from __future__ import annotations

import json
from pathlib import Path

from aiokafka import TopicPartition
from rocksdict import Options, Rdict

from streams.log_position import Mark, Position
from streams.views.move_index_sink import MoveIndexSink
from streams.views.requests import Requests

_TP = TopicPartition("bachata.move-indexed.v1", 3)


class _EmptyIndex:
    def upsert(self, move: object) -> None:
        raise NotImplementedError

    def remove(self, clip_sha256: str) -> bool:
        raise NotImplementedError

    def flush(self) -> None:
        return

    def count(self) -> int:
        return 0


def test_the_move_index_reads_plain_offsets_and_stores_marks(tmp_path: Path) -> None:
    file = tmp_path / "positions.json"
    file.write_text(json.dumps({"positions": {f"{_TP.topic}:{_TP.partition}": 41}, "moves": 0}))
    sink = MoveIndexSink(_EmptyIndex(), file)
    assert sink.positions() == {_TP: Position(41)}
    marked = {_TP: Position(42, (Mark(41, 1_700_000_000_000, 7),))}
    sink.apply([], marked)
    assert sink.positions() == marked


def test_the_requests_read_plain_offsets(tmp_path: Path) -> None:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    stored = Rdict(str(tmp_path / "requests"), options)
    stored[f"p{_TP.topic}:{_TP.partition}".encode()] = b"41"
    stored.close()
    requests = Requests(tmp_path / "requests")
    assert requests.positions() == {_TP: Position(41)}
    requests.close()
