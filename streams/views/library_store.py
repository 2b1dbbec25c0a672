"""The library as both topics describe it, in RocksDB: all moves with their annotations, and the positions.

Keys: `v` holds the versions of this layout and of the digests; `p` + partition name the position to read on from; `a` +
clip a clip's two annotations; `d` + clip the digest of its move, empty if the move is removed; `m` + clip the move as
JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, WriteBatch

from infra.move_index.digests import POINT_VERSION
from schemas.base import Model
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import Move
from streams.views.topic_view import Positions
from streams.views.view_store import POSITION_PREFIX, ViewStore, store_options

_VERSION_KEY, _VERSION = b"v", f"2 {POINT_VERSION}".encode()
_ANNOTATION_PREFIX, _DIGEST_PREFIX, _MOVE_PREFIX = b"a", b"d", b"m"
_WRITE_BUFFER_BYTES = 4 << 20
_CACHE_BYTES = 4 << 20


class Annotations(Model):
    """A clip's annotation on `move-annotated`, and the one that came with its `move-indexed` event."""

    annotated: MoveAnnotation | None = None
    submitted: MoveAnnotation | None = None

    @property
    def in_force(self) -> MoveAnnotation | None:
        """Return the annotation that is in force."""
        return self.submitted if self.annotated is None else self.annotated


class LibraryChange(Model):
    """A clip after a batch of records. `move`: None without a move, then `digest` is empty."""

    annotations: Annotations
    move: Move | None
    digest: str


class LibraryStore(ViewStore):
    """The store of one library; one of another layout is emptied, so that the topics are read again."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, _options())
        if self.db.get(_VERSION_KEY) != _VERSION:
            self._clear()

    def digests(self) -> dict[str, str]:
        """Return the digest of each clip's move, empty for one that is removed."""
        return {key[1:].decode(): (self.db[key] or b"").decode() for key in self.keys(_DIGEST_PREFIX)}

    def move(self, clip: str) -> Move | None:
        """Return the move of a clip, with the annotation in force, or None without one."""
        stored = self.db.get(_MOVE_PREFIX + clip.encode())
        return None if stored is None else Move.model_validate_json(stored)

    def annotations(self, clip: str) -> Annotations:
        """Return a clip's annotations."""
        stored = self.db.get(_ANNOTATION_PREFIX + clip.encode())
        return Annotations() if stored is None else Annotations.model_validate_json(stored)

    def annotations_in_force(self) -> dict[str, MoveAnnotation]:
        """Return the annotation in force of each clip that has one, also of clips without a move."""
        clips = [key[1:].decode() for key in self.keys(_ANNOTATION_PREFIX)]
        found = {clip: self.annotations(clip).in_force for clip in clips}
        return {clip: annotation for clip, annotation in found.items() if annotation is not None}

    def save(self, changes: Mapping[str, LibraryChange], positions: Positions) -> None:
        """Store changes, by clip, and positions at once."""
        batch = WriteBatch(raw_mode=True)
        for clip, change in changes.items():
            key = clip.encode()
            batch.put(_ANNOTATION_PREFIX + key, change.annotations.model_dump_json().encode())
            batch.put(_DIGEST_PREFIX + key, change.digest.encode())
            if change.move is None:
                batch.delete(_MOVE_PREFIX + key)
            else:
                batch.put(_MOVE_PREFIX + key, change.move.model_dump_json().encode())
        self.write(batch, positions)

    def _clear(self) -> None:
        batch = WriteBatch(raw_mode=True)
        for prefix in (POSITION_PREFIX, _ANNOTATION_PREFIX, _DIGEST_PREFIX, _MOVE_PREFIX):
            for key in self.keys(prefix):
                batch.delete(key)
        batch.put(_VERSION_KEY, _VERSION)
        self.db.write(batch)


def _options() -> Options:
    options = store_options(_WRITE_BUFFER_BYTES)
    options.set_compression_type(DBCompressionType.zstd())  # a move is 10 kB of text, 3 kB with it
    tables = BlockBasedOptions()
    tables.set_block_cache(Cache(_CACHE_BYTES))
    options.set_block_based_table_factory(tables)
    return options
