"""The Qdrant sink: the view of `move-indexed` and `move-annotated` that updates this worker's move index.

The topics are the source of truth. A batch of points is written before its positions, and writing it again changes
nothing.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Protocol, Self

from schemas.faults import Fault, Unavailable
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import Move, MoveSummary
from streams.envelope import Record
from streams.views.library_changes import LibraryChanges, library_changes
from streams.views.library_store import Annotations, IndexState, LibraryStore
from streams.views.topic_view import Positions

log = logging.getLogger(__name__)
_REMOVED_BY_OTHERS_S = 5.0  # until this worker has read that another one removed a move


class MoveIndex(Protocol):
    """The methods of the index that the sink calls."""

    @property
    def is_shared(self) -> bool:
        """Return whether other workers write to it too."""

    def beside(self) -> Self:
        """Return a new and empty index, to be filled while this one is used."""

    def replace_by(self, built: Self) -> None:
        """Put an index of `beside` in the place of this one, in one go; it is closed by this."""

    def discard(self) -> None:
        """Remove the index with all its moves, and close it."""

    def summary(self, clip_sha256: str) -> MoveSummary | None:
        """Return the move of a clip without its embedding, or None where it is not stored."""

    def upsert(self, *moves: Move) -> None:
        """Insert moves, or replace those of the same clips."""

    def replace_summaries(self, *summaries: MoveSummary) -> None:
        """Replace the summaries of moves that are stored; their embeddings stay."""

    def remove(self, *clips: str) -> int:
        """Remove the moves of clips; return how many of them were there."""

    def clear(self) -> None:
        """Remove all moves."""

    def flush(self) -> None:
        """Make all inserted moves durable."""

    def count(self) -> int:
        """Return the number of moves."""

    def version(self) -> str:
        """Return a hash over all moves."""

    def digest(self, clip_sha256: str) -> str | None:
        """Return the hash of a clip's move, or None where it is not stored."""

    def digest_of(self, move: MoveSummary) -> str:
        """Return the hash that a move has, or a summary that replaces that of a stored move."""

    def version_with(self, digests: dict[str, str | None]) -> str:
        """Return the version that the index would have with these digests in place of those of the same clips."""


class MoveIndexSink:
    """Implements `View`. `folder` stores the positions, the annotations, and what the index must hold.

    An index of this worker that holds anything else than what was written needs a rebuild from the topics, and is
    searched as it is until then: an older copy of its folder, or that of another library; an empty one is filled again.
    A server's may hold what other workers wrote: it is filled again when it has fewer moves than were written, an empty
    one at once, others after some seconds: another worker may remove a move before this one reads of it.
    """

    def __init__(self, index: MoveIndex, folder: Path) -> None:
        self._index = index
        self._folder = folder
        self._store = LibraryStore(folder)
        self.needs_rebuild = False
        self._is_used = False  # in the place of another one's
        self._moves = 0
        self._fewer_since: float | None = None

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def beside(self) -> MoveIndexSink:
        """Return a sink over a new and empty index, to be filled while this one is used."""
        folder = self._folder.with_name(f"{self._folder.name}.new")
        shutil.rmtree(folder, ignore_errors=True)  # of a rebuild that was killed
        return MoveIndexSink(self._index.beside(), folder)

    def is_covered_by(self, built: MoveIndexSink) -> bool:
        """Return whether a built sink has read all that this one has read; one that needs a rebuild has read nothing.

        What this one reads again does not matter: the last record of a clip holds.
        """
        built_positions = built._store.positions()
        return self.needs_rebuild or all(
            position.offset == 0 or (tp in built_positions and built_positions[tp].offset >= position.offset)
            for tp, position in self._store.positions().items()
        )

    def replace_by(self, built: MoveIndexSink) -> None:
        """Put a built index and what is stored about it in the place of this one's, in one go.

        A process that is killed between the two finds an index that needs a rebuild, or one that is equal. Raises:
        `Unavailable` where the built index does not hold what was written.
        """
        built.check()
        built._is_used = True
        self._index.replace_by(built._index)
        self._store.copy(built._store)
        self._moves, self._fewer_since = self._store.state().moves, None
        self.needs_rebuild = False

    def discard(self) -> None:
        """Remove the store of a sink of `beside`, and its index unless it is used in the place of another one."""
        self.close()
        if not self._is_used:
            with suppress(Fault):  # a server that is away: the next rebuild removes it
                self._index.discard()
        shutil.rmtree(self._folder, ignore_errors=True)

    def moves(self) -> int:
        """Return the number of moves in the index. Raises the index's faults."""
        return self._index.count()

    def annotations(self) -> dict[str, MoveAnnotation]:
        """Return the annotation that holds of each clip that has one, by clip, also of clips without a move."""
        return self._store.valid_annotations()

    def positions(self) -> Positions:
        """Return the position to read on from, by partition, as stored for this index.

        Raises the index's faults, and `Unavailable` (`move_index`) while it needs a rebuild.
        """
        state = self._store.state()
        difference = self._difference(state)
        self.needs_rebuild = bool(difference) and not self._index.is_shared and self._index.count() > 0
        if self.needs_rebuild:
            raise Unavailable(f"it {difference}: it is rebuilt", reason="move_index")
        if difference:
            log.warning("the move index %s: it is filled from the topics", difference)
            self._store.clear()
            state = IndexState()
        self._moves, self._fewer_since = state.moves, None
        return self._store.positions()

    def apply(self, records: Sequence[Record], positions: Positions) -> None:
        """Insert, annotate and remove the records' moves and store the positions. Raises the index's faults."""
        self.check()
        changes = library_changes(records)
        annotations = {clip: self._annotations(clip, changes) for clip in changes.clips}
        moves = dict(self._moves_after(changes, annotations))
        removed = [clip for clip, move in moves.items() if move is None]
        self._announce(moves)
        self._index.upsert(*(move for move in moves.values() if isinstance(move, Move)))
        self._index.replace_summaries(*(move for move in moves.values() if move and not isinstance(move, Move)))
        were_there = self._index.remove(*removed)
        if moves:
            self._index.flush()
        self._moves = max(0, self._moves - were_there)
        not_there = len(removed) - were_there  # never, or another worker has removed them from a shared index
        self._moves = max(self._count(), self._moves - not_there)
        state = IndexState(version=self._index.version() if not self._index.is_shared else "", moves=self._moves)
        self._store.save(state, annotations, positions)

    def check(self) -> None:
        """Raise the index's faults, and `Unavailable` (`move_index`) if it does not hold what was written."""
        self._count()
        difference = self._difference(self._store.state())
        if difference and not self._index.is_shared:
            raise Unavailable(f"it {difference}: it is rebuilt", reason="move_index")

    def _difference(self, state: IndexState) -> str:
        """Return what the index holds beside what it must hold, else nothing."""
        count = self._index.count()
        if self._index.is_shared:
            return f"has {count} moves and had {state.moves}" if count < state.moves else ""
        before = {clip: self._before(clip, state) for clip in state.pending}
        same = self._index.version_with(before) == state.version if state.version else not count
        return "" if same else f"has {count} moves, not the {state.moves} that were written"

    def _announce(self, moves: dict[str, MoveSummary | None]) -> None:
        """Store which points are going to be written, so that a half-written batch is no difference."""
        if not moves or self._index.is_shared:
            return
        state = self._store.state()
        pending = state.pending | {
            clip: (self._before(clip, state), None if move is None else self._index.digest_of(move))
            for clip, move in moves.items()
        }
        self._store.announce(state.model_copy(update={"pending": pending}))

    def _before(self, clip: str, state: IndexState) -> str | None:
        """Return the digest of a clip's point when the state was stored."""
        now = self._index.digest(clip)
        old, new = state.pending.get(clip, (now, None))
        return old if now == new else now

    def _annotations(self, clip: str, changes: LibraryChanges) -> Annotations:
        """Return a clip's annotations after a batch."""
        found = self._store.annotations(clip)
        annotated = changes.annotations.get(clip, found.annotated)
        move = changes.moves.get(clip)
        return Annotations(annotated=annotated, submitted=move.annotation if move else found.submitted)

    def _moves_after(
        self, changes: LibraryChanges, annotations: dict[str, Annotations]
    ) -> Iterator[tuple[str, MoveSummary | None]]:
        """Yield each clip whose move changes, with its move after a batch, or with its summary where no more changes.

        None: it is removed.
        """
        for clip, of_clip in annotations.items():
            if clip in changes.moves and changes.moves[clip] is None:
                yield clip, None
                continue
            move = changes.moves.get(clip) or self._index.summary(clip)
            if move is not None:
                yield clip, move.annotated(of_clip.valid)

    def _count(self) -> int:
        count = self._index.count()
        if count >= self._moves:
            self._fewer_since = None
            return count
        self._fewer_since = self._fewer_since or monotonic()
        if not count or monotonic() - self._fewer_since > _REMOVED_BY_OTHERS_S:
            raise Unavailable(f"it has {count} moves and had {self._moves}: it is rebuilt", reason="move_index")
        return count
