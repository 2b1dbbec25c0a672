"""What is stored beside the move index, in RocksDB: positions, annotations, and what the index must hold.

Keys: `p` + partition name holds the position to read on from; `a` + clip holds a clip's two annotations: that of its
`move-annotated` event and that of its `move-indexed` event; `s` holds what the index must hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import cast

from aiokafka import TopicPartition
from pydantic import Field
from rocksdict import Options, Rdict, WriteBatch

from schemas.base import Model
from schemas.move_annotated import MoveAnnotation
from streams.log_position import Position
from streams.patches.rocksdb import open_or_recreate
from streams.views.topic_view import Positions

_POSITION_PREFIX, _ANNOTATION_PREFIX, _STATE_KEY = b"p", b"a", b"s"
_PREFIXES = (_POSITION_PREFIX, _ANNOTATION_PREFIX, _STATE_KEY)
_WRITE_BUFFER_BYTES = 1 << 20


class Annotations(Model):
    """A clip's annotation on `move-annotated`, and the one that came with its `move-indexed` event."""

    annotated: MoveAnnotation | None = None
    submitted: MoveAnnotation | None = None

    @property
    def valid(self) -> MoveAnnotation | None:
        """Return the annotation that holds."""
        return self.submitted if self.annotated is None else self.annotated


class IndexState(Model):
    """What the index must hold: `moves` points with the hash `version`.

    `pending`: the points that are being written, by clip, each with its digest before and after, None without a point.
    Some of them may be written already when a worker is killed.
    """

    version: str = ""
    moves: int = 0
    pending: dict[str, tuple[str | None, str | None]] = Field(default_factory=dict)


class LibraryStore:
    """The store of one index."""

    def __init__(self, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._db = open_or_recreate(folder, lambda: Rdict(str(folder), _options()))

    def close(self) -> None:
        """Close the store."""
        self._db.close()

    def positions(self) -> Positions:
        """Return the position to read on from, by partition."""
        found = {}
        for key in self._keys(_POSITION_PREFIX):
            topic, _, partition = key[1:].decode().rpartition(":")
            found[TopicPartition(topic, int(partition))] = Position.parse((self._db[key] or b"0").decode())
        return found

    def state(self) -> IndexState:
        """Return what the index must hold."""
        stored = self._db.get(_STATE_KEY)
        return IndexState() if stored is None else IndexState.model_validate_json(stored)

    def annotations(self, clip: str) -> Annotations:
        """Return a clip's annotations."""
        stored = self._db.get(_ANNOTATION_PREFIX + clip.encode())
        return Annotations() if stored is None else Annotations.model_validate_json(stored)

    def announce(self, state: IndexState) -> None:
        """Store the state with the points that are going to be written."""
        self._db[_STATE_KEY] = state.model_dump_json().encode()

    def save(self, state: IndexState, annotations: Mapping[str, Annotations], positions: Positions) -> None:
        """Store all that follows from a batch of records, at once."""
        batch = WriteBatch(raw_mode=True)
        for clip, of_clip in annotations.items():
            batch.put(_ANNOTATION_PREFIX + clip.encode(), of_clip.model_dump_json().encode())
        for tp, position in positions.items():
            batch.put(_POSITION_PREFIX + f"{tp.topic}:{tp.partition}".encode(), str(position).encode())
        batch.put(_STATE_KEY, state.model_dump_json().encode())
        self._db.write(batch)

    def clear(self) -> None:
        """Forget everything."""
        batch = WriteBatch(raw_mode=True)
        self._forget(batch)
        self._db.write(batch)

    def copy(self, other: LibraryStore) -> None:
        """Store what another store has, in place of everything, at once."""
        batch = WriteBatch(raw_mode=True)
        self._forget(batch)
        for prefix in _PREFIXES:
            for key in other._keys(prefix):
                batch.put(key, other._db[key])
        self._db.write(batch)

    def _forget(self, batch: WriteBatch) -> None:
        for prefix in _PREFIXES:
            for key in self._keys(prefix):
                batch.delete(key)

    def _keys(self, prefix: bytes) -> Iterator[bytes]:
        keys = cast("Iterator[bytes]", self._db.keys(from_key=prefix))
        return takewhile(lambda key: key.startswith(prefix), keys)


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(2)
    return options
