"""Read what the records of `move-indexed` and `move-annotated` change in the library."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.faults import Poison
from schemas.move_annotated import MoveAnnotated, MoveAnnotation
from schemas.move_indexed import Move, MoveIndexed
from streams.envelope import Record, payload_of
from streams.topics import MOVE_ANNOTATED

log = logging.getLogger(__name__)
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class LibraryChanges:
    """The last change of each clip, by the clip's sha256; None: its move or its annotation is removed."""

    moves: dict[str, Move | None] = field(default_factory=dict)
    annotations: dict[str, MoveAnnotation | None] = field(default_factory=dict)

    @property
    def clips(self) -> list[str]:
        """Return the clips that change, each once."""
        return list({**self.moves, **self.annotations})


def library_changes(records: Iterable[Record]) -> LibraryChanges:
    """Return what records change, in their order; those that are not valid are skipped with a warning."""
    changes = LibraryChanges()
    for record in records:
        try:
            _add(changes, record)
        except Poison as fault:
            place = f"{record.topic}[{record.partition}]@{record.offset}"
            log.warning("%s changes no move and is skipped: %s", place, fault)
    return changes


def _add(changes: LibraryChanges, record: Record) -> None:
    clip = _clip(record)
    if record.topic == MOVE_ANNOTATED.full_name:
        changes.annotations[clip] = None if record.value is None else _annotation(record, clip)
    else:
        changes.moves[clip] = None if record.value is None else _move(record, clip)


def _annotation(record: Record, clip: str) -> MoveAnnotation:
    annotated = payload_of(record, MoveAnnotated)
    _check_key(clip, annotated.clip_sha256)
    return annotated.annotation


def _move(record: Record, clip: str) -> Move:
    move = payload_of(record, MoveIndexed).move
    _check_key(clip, move.clip.sha256)
    return move


def _clip(record: Record) -> str:
    key = (record.key or b"").decode("ascii", "replace")
    if not _SHA256.fullmatch(key):
        raise Poison("its key is not the sha256 of a clip", reason="invalid_event")
    return key


def _check_key(key: str, clip: str) -> None:
    """Raise `Poison` for a record of another clip than its key's: a removal, which has the key, does not replace it."""
    if key != clip:
        raise Poison("its key is not the sha256 of its clip", reason="invalid_event")
