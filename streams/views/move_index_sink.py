"""The Qdrant sink: the view of `move-indexed` that updates this worker's move index. The topic is the source of truth.

A point is written before its offset, and writing it again changes nothing.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Protocol

from aiokafka import TopicPartition

from infra.base.atomic_file import replacing
from schemas.faults import Poison, Unavailable
from schemas.move_indexed import Move, MoveIndexed
from streams.envelope import Record, payload_of
from streams.log_position import Position
from streams.views.topic_view import Positions

log = logging.getLogger(__name__)
_REMOVED_BY_OTHERS_S = 5.0  # until this worker has read that another one removed a move
_SHA256 = re.compile(r"[0-9a-f]{64}")


class MoveIndex(Protocol):
    """The methods of the index that the sink calls."""

    def upsert(self, move: Move) -> None:
        """Insert a move, or replace the one of the same clip."""

    def remove(self, clip_sha256: str) -> bool:
        """Remove the move of a clip; return whether it was there."""

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
    rebuilt from the start of the topic. A record without a value removes the move of the clip in its key. Where workers
    share a server, one of them may remove a move before another reads of it, so that one that is not empty counts as
    incomplete only after some seconds.
    """

    def __init__(self, index: MoveIndex, positions_file: Path) -> None:
        self._index = index
        self._file = positions_file
        self._moves = 0
        self._fewer_since: float | None = None

    def positions(self) -> Positions:
        """Return the position to read on from, by partition, as saved for this index. Raises the index's faults."""
        saved = _load(self._file)
        count = self._index.count()
        if count < saved.moves:
            log.warning("the move index has %d moves and had %d: it is rebuilt from the topic", count, saved.moves)
            self._file.unlink(missing_ok=True)
            saved = _SavedState()
        self._moves, self._fewer_since = saved.moves, None
        return saved.positions

    def apply(self, records: Sequence[Record], positions: Positions) -> None:
        """Insert and remove the records' moves and save the positions. Raises the index's faults."""
        changes = [change for record in records if (change := _change(record))]
        removals = [change for change in changes if isinstance(change, str)]
        removed = sum([self._change_index(change) for change in changes])
        if changes:
            self._index.flush()
        self._moves = max(0, self._moves - removed)
        not_there = len(removals) - removed  # never, or another worker has removed them from a shared index
        self._moves = max(self._count(), self._moves - not_there)
        _save(self._file, _SavedState(positions, self._moves))

    def _change_index(self, change: Move | str) -> bool:
        """Insert or remove a move; return whether one was removed."""
        if isinstance(change, str):
            return self._index.remove(change)
        self._index.upsert(change)
        return False

    def check(self) -> None:
        """Raise the index's faults, and `Unavailable` (`move_index`) if it lost moves."""
        self._count()

    def _count(self) -> int:
        count = self._index.count()
        if count >= self._moves:
            self._fewer_since = None
            return count
        self._fewer_since = self._fewer_since or monotonic()
        if not count or monotonic() - self._fewer_since > _REMOVED_BY_OTHERS_S:
            raise Unavailable(f"it has {count} moves and had {self._moves}: it is rebuilt", reason="move_index")
        return count


def _change(record: Record) -> Move | str | None:
    """Return the move to insert, or the sha256 of the clip whose move is removed, or None for what is not valid."""
    try:
        return _valid_change(record)
    except Poison as fault:
        log.warning("%s[%d]@%d is not a move and is skipped: %s", record.topic, record.partition, record.offset, fault)
        return None


def _valid_change(record: Record) -> Move | str:
    key = (record.key or b"").decode("ascii", "replace")
    if record.value is None and _SHA256.fullmatch(key):
        return key
    move = payload_of(record, MoveIndexed).move
    if move.clip.sha256 != key:  # the removal of the move, which has this key, would not replace the record
        raise Poison("its key is not the sha256 of its clip", reason="invalid_event")
    return move


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
