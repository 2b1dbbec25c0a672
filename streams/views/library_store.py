"""What is stored beside the move index, in RocksDB: positions, annotations, and what the index must hold.

Keys: `p` + partition name holds the position to read on from; `a` + clip holds a clip's two annotations: that of its
`move-annotated` event and that of its `move-indexed` event; `s` holds what the index must hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field
from rocksdict import WriteBatch

from schemas.base import Model
from schemas.move_annotated import MoveAnnotation
from streams.views.topic_view import Positions
from streams.views.view_store import POSITION_PREFIX, ViewStore, store_options

_ANNOTATION_PREFIX, _STATE_KEY = b"a", b"s"
_PREFIXES = (POSITION_PREFIX, _ANNOTATION_PREFIX, _STATE_KEY)
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


class LibraryStore(ViewStore):
    """The store of one index."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, store_options(_WRITE_BUFFER_BYTES))

    def state(self) -> IndexState:
        """Return what the index must hold."""
        stored = self.db.get(_STATE_KEY)
        return IndexState() if stored is None else IndexState.model_validate_json(stored)

    def annotations(self, clip: str) -> Annotations:
        """Return a clip's annotations."""
        stored = self.db.get(_ANNOTATION_PREFIX + clip.encode())
        return Annotations() if stored is None else Annotations.model_validate_json(stored)

    def valid_annotations(self) -> dict[str, MoveAnnotation]:
        """Return the annotation that holds of each clip that has one, by clip, also of clips without a move."""
        clips = (key[len(_ANNOTATION_PREFIX) :].decode() for key in self.keys(_ANNOTATION_PREFIX))
        return {clip: valid for clip in clips if (valid := self.annotations(clip).valid) is not None}

    def announce(self, state: IndexState) -> None:
        """Store the state with the points that are going to be written."""
        self.db[_STATE_KEY] = state.model_dump_json().encode()

    def save(self, state: IndexState, annotations: Mapping[str, Annotations], positions: Positions) -> None:
        """Store all that follows from a batch of records, at once."""
        batch = WriteBatch(raw_mode=True)
        for clip, of_clip in annotations.items():
            batch.put(_ANNOTATION_PREFIX + clip.encode(), of_clip.model_dump_json().encode())
        batch.put(_STATE_KEY, state.model_dump_json().encode())
        self.write(batch, positions)

    def clear(self) -> None:
        """Forget everything."""
        batch = WriteBatch(raw_mode=True)
        self._forget(batch)
        self.db.write(batch)

    def copy(self, other: LibraryStore) -> None:
        """Store what another store has, in place of everything, at once."""
        batch = WriteBatch(raw_mode=True)
        self._forget(batch)
        for prefix in _PREFIXES:
            for key in other.keys(prefix):
                batch.put(key, other.db[key])
        self.db.write(batch)

    def _forget(self, batch: WriteBatch) -> None:
        for prefix in _PREFIXES:
            for key in self.keys(prefix):
                batch.delete(key)
