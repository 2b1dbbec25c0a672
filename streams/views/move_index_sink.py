"""The Qdrant sink: a view of the `move-indexed` topic, which is the truth, as this worker's move index.

A point is written before its offset, and writing it again changes nothing.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from schemas.faults import Poison, Retryable
from schemas.move_indexed import Move, MoveIndexed
from streams.envelope import Record, payload_of

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
class _Known:
    positions: dict[int, int] = field(default_factory=dict)
    moves: int = 0


class MoveSink:
    """Implements a reader's `View`. `positions_file` remembers how far the index is, and how many moves it has then.

    An index that has fewer moves than it had lost some: a server that came back empty, a folder that was set aside. It
    is built again from the topic's start.
    """

    def __init__(self, index: MoveIndex, positions_file: Path) -> None:
        self._index = index
        self._file = positions_file
        self._moves = 0

    def positions(self) -> Mapping[int, int]:
        """By partition: the offset to read next. They belong to the index they were noted for. Raises its faults."""
        known = _load(self._file)
        count = self._index.count()
        if count < known.moves:
            log.warning("the move index has %d moves and had %d: it is built again from the topic", count, known.moves)
            self._file.unlink(missing_ok=True)
            known = _Known()
        self._moves = known.moves
        return known.positions

    def take(self, records: Sequence[Record], positions: Mapping[int, int]) -> None:
        """Put the records' moves in. Raises what the index raises."""
        moves = [move for record in records if (move := _move(record))]
        for move in moves:
            self._index.upsert(move)
        if moves:
            self._index.flush()
        self._moves = self._count()
        _save(self._file, _Known(dict(positions), self._moves))

    def check(self) -> None:
        """Raises the index's faults, and `Retryable` where it lost moves."""
        self._count()

    def _count(self) -> int:
        count = self._index.count()
        if count < self._moves:
            raise Retryable(f"it has {count} moves and had {self._moves}: it is built again", reason="move_index")
        return count


def _move(record: Record) -> Move | None:
    try:
        event = payload_of(record, MoveIndexed)
    except Poison as fault:
        log.warning("%s[%d]@%d is no move and is passed over: %s", record.topic, record.partition, record.offset, fault)
        return None
    assert isinstance(event, MoveIndexed)  # noqa: S101 - what payload_of was asked for
    return event.move


def _load(file: Path) -> _Known:
    try:
        noted = json.loads(file.read_text())
        positions = {int(partition): int(offset) for partition, offset in noted["positions"].items()}
        return _Known(positions, int(noted["moves"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _Known()


def _save(file: Path, known: _Known) -> None:
    temporary = file.with_suffix(".new")
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary.write_text(json.dumps(asdict(known)))
    os.replace(temporary, file)  # noqa: PTH105
