"""Propose a name for a part of a recording, from the moves of the library that are nearest to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streams.local.services import Endpoint
from streams.operations.recordings import Recording, ReviewedPart

_NEAREST = 5
_POWER = 4  # of the similarity: a near move weighs much more than a far one
_MIN_SIMILARITY = 0.3  # of moves that are about different things; a mean pair of real clips has 0.1


@dataclass(frozen=True)
class Neighbour:
    """A move of the library: its clip's name, its own, and the cosine similarity to a part of a recording."""

    clip: str
    move: str
    similarity: float


@dataclass(frozen=True)
class Proposal:
    """A name for a part of a recording; `confidence` 0-1; the nearest moves, the nearest first."""

    name: str | None
    confidence: float
    nearest: tuple[Neighbour, ...] = ()


def proposals(endpoint: Endpoint, recording: Recording) -> dict[int, Proposal]:
    """Return a proposal for each part, by its number. Raises: `Retryable` (`worker`)."""
    return {part.number: proposal_of(_nearest(endpoint, recording, part)) for part in recording.parts}


def _nearest(endpoint: Endpoint, recording: Recording, part: ReviewedPart) -> list[Neighbour]:
    """Return the moves that are nearest to a part, without the move that was made of it."""
    if not recording.is_current or part.has_old_embedding:
        return []
    found: list[dict[str, Any]] = endpoint.post(
        "/moves/search", {"vector": list(part.embedding), "limit": _NEAREST + 1}
    )["moves"]
    others = (move for move in found if move["sha256"] != part.clip_sha256)
    return [Neighbour(move["clip"], move["move"], move["similarity"]) for move in others][:_NEAREST]


def proposal_of(nearest: Sequence[Neighbour]) -> Proposal:
    """Return the name with the most votes of the nearest moves, each weighted by its similarity to the power of 4.

    The confidence is the name's share of the votes times the similarity of the nearest move that has it; none is
    proposed where no move is similar (the weighted vote of nearest neighbours: Dudani, IEEE Trans. SMC 6, 1976).
    """
    votes: dict[str, float] = {}
    for each in nearest:
        votes[each.move] = votes.get(each.move, 0.0) + max(0.0, each.similarity) ** _POWER
    name = max(votes, key=lambda move: votes[move], default=None)
    best = max((each.similarity for each in nearest if each.move == name), default=0.0)
    if name is None or best < _MIN_SIMILARITY:
        return Proposal(None, 0.0, tuple(nearest))
    return Proposal(name, round(votes[name] / sum(votes.values()) * min(1.0, best), 3), tuple(nearest))
