"""The Qdrant sink: the view of `move-indexed` that updates this worker's move index. The topic is the source of truth.

A point is written before its offset, and writing it again changes nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from aiokafka import TopicPartition

from infra.base.atomic_file import replacing
from schemas.faults import Poison, Unavailable
from schemas.move_indexed import Move, MoveIndexed
from streams.envelope import Record, payload_of
from streams.log_position import Position
from streams.views.topic_view import Positions

log = logging.getLogger(__name__)


class MoveIndex(Protocol):
    """The methods of the index that the sink calls."""

    def upsert(self, move: Move) -> None:
        """Insert a move, or replace the one of the same clip."""

    def flush(self) -> None:
        """Make all inserted moves durable."""

    def count(self) -> int:
        """Return the number of moves."""


@dataclass(frozen=True)
class _SavedState:
    positions: Positions = field(default_factory=dict)
    moves: int = 0


class MoveIndexSink:
    """Implements `View`. `positions_file` stores the offsets that are applied and the number of moves at that point.

    An index with fewer moves than stored there has lost some: an empty server, or a folder that was set aside. It is
    rebuilt from the start of the topic.
    """

    def __init__(self, index: MoveIndex, positions_file: Path) -> None:
        self._index = index
        self._file = positions_file
        self._moves = 0

    def positions(self) -> Positions:
        """Return the position to read on from, by partition, as saved for this index. Raises the index's faults."""
        saved = _load(self._file)
        count = self._index.count()
        if count < saved.moves:
            log.warning("the move index has %d moves and had %d: it is rebuilt from the topic", count, saved.moves)
            self._file.unlink(missing_ok=True)
            saved = _SavedState()
        self._moves = saved.moves
        return saved.positions

    def apply(self, records: Sequence[Record], positions: Positions) -> None:
        """Insert the records' moves and save the positions. Raises the index's faults."""
        moves = [move for record in records if (move := _move(record))]
        for move in moves:
            self._index.upsert(move)
        if moves:
            self._index.flush()
        self._moves = self._count()
        _save(self._file, _SavedState(positions, self._moves))

    def check(self) -> None:
        """Raise the index's faults, and `Unavailable` (`move_index`) if it lost moves."""
        self._count()

    def _count(self) -> int:
        count = self._index.count()
        if count < self._moves:
            raise Unavailable(f"it has {count} moves and had {self._moves}: it is rebuilt", reason="move_index")
        return count


def _move(record: Record) -> Move | None:
    try:
        event = payload_of(record, MoveIndexed)
    except Poison as fault:
        log.warning("%s[%d]@%d is not a move and is skipped: %s", record.topic, record.partition, record.offset, fault)
        return None
    return event.move


def _load(file: Path) -> _SavedState:
    try:
        saved = json.loads(file.read_text())
        positions = {_parse_partition(name): Position.parse(text) for name, text in saved["positions"].items()}
        return _SavedState(positions, int(saved["moves"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _SavedState()


def _save(file: Path, saved: _SavedState) -> None:
    positions = {f"{tp.topic}:{tp.partition}": str(position) for tp, position in saved.positions.items()}
    with replacing(file, durable=False) as temporary:
        temporary.write_text(json.dumps({"positions": positions, "moves": saved.moves}))


def _parse_partition(name: str) -> TopicPartition:
    topic, _, partition = name.rpartition(":")
    return TopicPartition(topic, int(partition))
