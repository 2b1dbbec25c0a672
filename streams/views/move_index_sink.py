"""The Qdrant sink: the view of `move-indexed` and `move-annotated` that updates the move index.

The topics are the source of truth. What they say of each clip is stored in RocksDB with the positions; the index is
compared with it, clip by clip, and gets what it lacks. So position and index cannot disagree unnoticed: an index that
was lost, is an older copy, or was altered differs from the store, and is corrected.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from infra.move_index import MoveIndex
from infra.move_index.digests import Digests, is_same_embedding, move_digest
from schemas.faults import Fault
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import Move
from streams.envelope import Record
from streams.views.library_changes import LibraryChanges, library_changes
from streams.views.library_store import Annotations, LibraryChange, LibraryStore
from streams.views.topic_view import Positions

log = logging.getLogger(__name__)
_PART = 64  # moves of one write
_MAX_COMPLETION_S = 2.0  # of one call of `complete`


class _Difference(NamedTuple):
    """Clips by what the index has of them in place of what it must have."""

    annotation: Sequence[str] = ()  # another annotation: the embedding is right
    point: Sequence[str] = ()  # another move, or none
    removed: Sequence[str] = ()  # a move that is removed

    @property
    def to_write(self) -> int:
        return len(self.annotation) + len(self.point) + len(self.removed)


class MoveIndexSink:
    """Implements `View`. `folder` stores the library as the topics describe it.

    Moves that are not on the topics are removed from an index of this worker. On a server they stay until the index is
    rebuilt, and a warning names them: another library may use the same collection by mistake.
    """

    def __init__(self, index: MoveIndex, folder: Path) -> None:
        self._index = index
        self._folder = folder
        self._lock = threading.Lock()  # the page reads the store
        self._is_in_use = False  # the index is that of the sink that it has replaced
        self._unknown: list[str] = []
        self._found = _Difference()  # by the last comparison
        self._open()

    def _open(self) -> None:
        self._store = LibraryStore(self._folder)
        stored = self._store.digests()
        self._removed = {clip for clip, digest in stored.items() if not digest}
        self._digests = Digests({clip: digest for clip, digest in stored.items() if digest})

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def replacement(self) -> MoveIndexSink:
        """Return a sink with an empty store and an empty index, to be filled while this one is used."""
        folder = self._folder.with_name(f"{self._folder.name}.new")
        shutil.rmtree(folder, ignore_errors=True)  # of a rebuild that was killed
        return MoveIndexSink(self._index.replacement(), folder)

    def replace_by(self, built: MoveIndexSink) -> None:
        """Put the index and the store of a replacement in the place of this sink's; searches see one or the other.

        A process that is killed in between finds a difference, which is corrected, or no store: the topics are read
        again.
        """
        built._is_in_use = True
        self._index.replace_by(built._index)
        with self._lock:
            built.close()
            self.close()
            shutil.rmtree(self._folder)
            built._folder.rename(self._folder)
            self._open()

    def discard(self) -> None:
        """Remove the store of a replacement, and its index unless it is in use."""
        if self._is_in_use:
            return
        self.close()
        with suppress(Fault):  # a server that is away: the next rebuild removes it
            self._index.discard()
        shutil.rmtree(self._folder, ignore_errors=True)

    def moves(self) -> int:
        """Return the number of moves in the index. Raises the index's faults."""
        return self._index.count()

    def annotations(self) -> dict[str, MoveAnnotation]:
        """Return the annotation in force of each clip that has one, also of clips without a move."""
        with self._lock:
            return self._store.annotations_in_force()

    def annotation_of(self, clip: str) -> MoveAnnotation | None:
        """Return the annotation of a clip on `move-annotated`, also of one without a move, or None without one."""
        with self._lock:
            return self._store.annotations(clip).annotated

    def unknown(self) -> list[str]:
        """Return the clips of a server's moves that are not on the topics, as of the last comparison."""
        return self._unknown

    def positions(self) -> Positions:
        """Return the position to read on from, by partition."""
        return self._store.positions()

    def apply(self, records: Sequence[Record], positions: Positions) -> None:
        """Store what the records change, and the positions, at once; the index gets it by `complete`."""
        changes = dict(self._changes(library_changes(records)))
        self._store.save(changes, positions)
        removed = {clip for clip, change in changes.items() if change.move is None}
        for clip in removed:
            self._digests.remove(clip)
        self._digests.set({clip: change.digest for clip, change in changes.items() if clip not in removed})
        self._removed = (self._removed - changes.keys()) | removed

    def is_complete(self) -> bool:
        """Return whether the index has all moves of the store, with their annotations, and no removed one.

        Raises the index's faults.
        """
        if self._index.version() == self._digests.version():
            self._found, self._unknown = _Difference(), []
        else:
            self._found = self._difference()
        return not self._found.to_write

    def complete(self) -> str:
        """Write what the index lacked in `is_complete`, for some seconds; return what is left to write, or nothing.

        What other workers have written since then is not changed: it can be newer. Raises the index's faults.
        """
        difference = self._found
        deadline = monotonic() + _MAX_COMPLETION_S
        left = difference.to_write
        for part in self._writes(difference):
            left -= part
            if left and monotonic() > deadline:
                break
        if difference.to_write:
            self._index.flush()
        wanted = len(self._digests)
        return f"{left} of {wanted} moves and removals are not in it yet: it is being filled" if left else ""

    def _writes(self, difference: _Difference) -> Iterator[int]:
        """Write a difference in parts, and yield the number of clips of each."""
        for clips in _parts(difference.removed):
            self._index.remove(*clips)
            yield len(clips)
        for clips in _parts(difference.annotation):
            self._index.replace_summaries(*self._moves(clips))
            yield len(clips)
        for clips in _parts(difference.point):
            self._index.upsert(*self._moves(clips))
            yield len(clips)

    def _moves(self, clips: Iterable[str]) -> Iterator[Move]:
        return (move for clip in clips if (move := self._store.move(clip)) is not None)

    def _difference(self) -> _Difference:
        found = self._index.digests()
        wanted = self._digests.by_clip
        other = [clip for clip, digest in wanted.items() if found.get(clip) != digest]
        point = [clip for clip in other if not is_same_embedding(found.get(clip, ""), wanted[clip])]
        too_many = found.keys() - wanted.keys()
        unknown = too_many - self._removed if self._index.is_shared else set()
        self._note_unknown(sorted(unknown))
        annotation = sorted(set(other) - set(point))
        return _Difference(annotation, point, sorted(too_many - unknown))

    def _note_unknown(self, clips: list[str]) -> None:
        if clips and clips != self._unknown:
            log.warning(
                "the move index has %d moves that are not on the topics (%s, ...): `bachata qdrant rebuild` removes"
                " them; another library must use another BACHATA_QDRANT_COLLECTION",
                len(clips),
                clips[0][:12],
            )
        self._unknown = clips

    def _changes(self, changes: LibraryChanges) -> Iterator[tuple[str, LibraryChange]]:
        """Yield each clip with what it is after a batch."""
        for clip in changes.clips:
            annotations = self._annotations(clip, changes)
            move = changes.moves[clip] if clip in changes.moves else self._store.move(clip)
            move = move and move.annotated(annotations.in_force)
            digest = move_digest(move) if move else ""
            yield clip, LibraryChange.model_construct(annotations=annotations, move=move, digest=digest)

    def _annotations(self, clip: str, changes: LibraryChanges) -> Annotations:
        """Return a clip's annotations after a batch."""
        found = self._store.annotations(clip)
        annotated = changes.annotations.get(clip, found.annotated)
        move = changes.moves.get(clip)
        return Annotations(annotated=annotated, submitted=move.annotation if move else found.submitted)


def _parts(clips: Sequence[str]) -> Iterator[Sequence[str]]:
    return (clips[start : start + _PART] for start in range(0, len(clips), _PART))
