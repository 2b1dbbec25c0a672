"""What is raised while the move index cannot be used."""

from __future__ import annotations

from schemas.faults import Unavailable
from schemas.reasons import Reason


class MoveIndexError(Unavailable):
    """The move index cannot be used now; no move is lost, since the topic `move-indexed` has all of them."""

    def __init__(self, message: str, reason: Reason = "move_index") -> None:
        super().__init__(message, reason)


class MoveIndexLockedError(MoveIndexError):
    """Another process has the index open."""
