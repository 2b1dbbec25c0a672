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


class QdrantFault(Unavailable):
    """A request failed. `problem`: why, without the server's address."""

    def __init__(self, server: str, problem: str, reason: Reason, retry_after_s: float = 1.0) -> None:
        super().__init__(f"Qdrant at {server} {problem}", reason, retry_after_s)
        self.problem = problem


class TooLargeError(QdrantFault):
    """The request failed in a way in which one with fewer points can succeed: it took too long, or is too large."""


class BusyError(QdrantFault):
    """The server takes the same request after `retry_after_s`."""


class NotFoundError(QdrantFault):
    """The server has no such collection, or no such point."""


class AccessError(QdrantFault):
    """The server denies access."""


class NotQdrantError(QdrantFault):
    """Another program answers."""
