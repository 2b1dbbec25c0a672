"""Find the boundary states and the contents of the eights of a clip."""

from __future__ import annotations

from collections.abc import Sequence

from agents.move_indexing.boundaries.eight_content import eight_content
from agents.move_indexing.boundaries.states import boundary_states
from agents.move_indexing.boundaries.tracked_couple import TrackedCouple
from agents.move_indexing.clip_beats import ClipBeats
from agents.move_indexing.steps.free_feet import free_feet
from agents.playable import EIGHT
from schemas.boundary import Boundary
from schemas.move_indexed import Eight


def clip_boundaries(couple: TrackedCouple, clip_beats: ClipBeats, eights: Sequence[Eight]) -> tuple[Boundary, ...]:
    """Return the states on counts 1 and 5, and where an eight of the clip, or half of it, begins or ends."""
    beats, counts = clip_beats.beats, clip_beats.counts
    ends = {eight.start_beat + n for eight in eights for n in (0, EIGHT // 2, EIGHT)}
    indices = sorted(ends | {n for n, count in enumerate(counts) if count in {1, 5}})
    feet = free_feet(couple.lead, couple.follow, beats, counts, clip_beats.count_confidence)
    return boundary_states(couple, beats, indices, feet)


def with_contents(couple: TrackedCouple, beats: Sequence[float], eights: Sequence[Eight]) -> tuple[Eight, ...]:
    """Return the eights with their contents."""
    return tuple(
        eight.model_copy(
            update={"content": eight_content(couple, beats[eight.start_beat : eight.start_beat + EIGHT + 1])}
        )
        for eight in eights
    )
