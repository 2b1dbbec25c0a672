"""The boundaries of a library's clips: which of them to check first, and their fields for JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agents.move_indexing.move_pictures.boundary_texts import BoundaryFacts, boundary_facts
from schemas.boundary import Boundary
from schemas.move_indexed import MoveSummary
from streams.operations.first_one import count_fields


@dataclass(frozen=True)
class ClipBoundary:
    """A boundary of a clip: its time in seconds, its count, and how sure the clip's count 1 is (`count_fields`)."""

    clip: str
    sha256: str
    duration_s: float
    time_s: float
    count: int
    certainty: dict[str, Any]
    boundary: Boundary

    @cached_property
    def facts(self) -> BoundaryFacts:
        return boundary_facts(self.boundary)

    @property
    def key(self) -> tuple[str, int]:
        """Return what names it: its clip's SHA-256, and its beat."""
        return self.sha256, self.boundary.beat

    @property
    def by_confidence(self) -> tuple[Any, ...]:
        """Return a key that sorts the least sure boundary first, and those at which nothing is known last."""
        least = self.facts.least_confidence
        return (least is None, least or 0.0, *self.by_clip)

    @property
    def by_clip(self) -> tuple[Any, ...]:
        """Return a key that sorts by clip and time."""
        return (self.clip, *self.key)

    def fields(self) -> dict[str, Any]:
        """Return all that is known as fields of JSON. `confidence`: the lowest of what is known."""
        return {
            "clip": self.clip,
            "sha256": self.sha256,
            "time_s": self.time_s,
            "on_count": self.count,
            **self.certainty,
            "confidence": self.facts.least_confidence,
            **self.boundary.model_dump(mode="json"),
        }


def boundaries_of(move: MoveSummary) -> Iterator[ClipBoundary]:
    """Yield the boundaries of a move, in order."""
    for boundary in sorted(move.annotated_boundaries(), key=lambda boundary: boundary.beat):
        yield ClipBoundary(
            clip=move.name,
            sha256=move.clip.sha256,
            duration_s=move.end_s,
            time_s=move.beats[boundary.beat],
            count=move.counts[boundary.beat],
            certainty=count_fields(move),
            boundary=boundary,
        )
