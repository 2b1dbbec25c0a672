"""Define the result of indexing a clip: the move, and warnings for its owner."""

from __future__ import annotations

from schemas.base import Warnings
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import Move, MoveIndexed


class IndexedMove(Move):
    """A move with its warnings; in the event, the two are separate fields."""

    warnings: Warnings = ()

    def to_event(self, request_id: str | None, annotation: MoveAnnotation | None) -> MoveIndexed:
        """Return the event of the move, with an annotation."""
        if request_id is None:
            raise AssertionError("the step wrapper fills in request_id before a step works")
        move = Move.model_construct(**{name: getattr(self, name) for name in Move.model_fields})
        return MoveIndexed(request_id=request_id, move=move.annotated(annotation), warnings=self.warnings)
