"""The Qdrant sink: the view of `move-indexed` that keeps this worker's move index. The topic is the truth.

A point is written before its offset, and writing it again changes nothing.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from aiokafka import TopicPartition

from schemas.faults import Poison, Unavailable
from schemas.move_indexed import Move, MoveIndexed
from streams.envelope import Record, payload_of
from streams.views.topic_view import Positions

log = logging.getLogger(__name__)


class MoveIndex(Protocol):
    """What the sink needs of the index."""

    def upsert(self, move: Move) -> None:
        """Put a move in, in place of the one of the same clip."""

    def flush(self) -> None:
        """Make what was put in durable."""

    def count(self) -> int:
        """How many moves are in it."""


@dataclass(frozen=True)
class _Noted:
    positions: Positions = field(default_factory=dict)
    moves: int = 0


class MoveIndexSink:
    """Implements `View`. `positions_file` notes how far the index is, and how many moves it has then.

    An index that has fewer moves than it had lost some: a server that came back empty, a folder that was set aside. It
    is built again from the topic's start.
    """

    def __init__(self, index: MoveIndex, positions_file: Path) -> None:
        self._index = index
        self._file = positions_file
        self._moves = 0

    def positions(self) -> Positions:
        """Return the offset to read next, by partition, as noted for this index. Raises the index's faults."""
        noted = _load(self._file)
        count = self._index.count()
        if count < noted.moves:
            log.warning("the move index has %d moves and had %d: it is built again from the topic", count, noted.moves)
            self._file.unlink(missing_ok=True)
            noted = _Noted()
        self._moves = noted.moves
        return noted.positions

    def apply(self, records: Sequence[Record], positions: Positions) -> None:
        """Put the records' moves in. Raises what the index raises."""
        moves = [move for record in records if (move := _move(record))]
        for move in moves:
            self._index.upsert(move)
        if moves:
            self._index.flush()
        self._moves = self._count()
        _save(self._file, _Noted(positions, self._moves))

    def check(self) -> None:
        """Raises the index's faults, and `Unavailable` where it lost moves."""
        self._count()

    def _count(self) -> int:
        count = self._index.count()
        if count < self._moves:
            raise Unavailable(f"it has {count} moves and had {self._moves}: it is built again", reason="move_index")
        return count


def _move(record: Record) -> Move | None:
    try:
        event = payload_of(record, MoveIndexed)
    except Poison as fault:
        log.warning("%s[%d]@%d is not a move and is skipped: %s", record.topic, record.partition, record.offset, fault)
        return None
    return event.move


def _load(file: Path) -> _Noted:
    try:
        noted = json.loads(file.read_text())
        positions = {_place(name): int(offset) for name, offset in noted["positions"].items()}
        return _Noted(positions, int(noted["moves"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _Noted()


def _save(file: Path, noted: _Noted) -> None:
    positions = {f"{place.topic}:{place.partition}": offset for place, offset in noted.positions.items()}
    temporary = file.with_suffix(".new")
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary.write_text(json.dumps({"positions": positions, "moves": noted.moves}))
    os.replace(temporary, file)  # noqa: PTH105


def _place(name: str) -> TopicPartition:
    topic, _, partition = name.rpartition(":")
    return TopicPartition(topic, int(partition))
