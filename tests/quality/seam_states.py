"""The states of a clip's couple at any times, as indexing finds them at its boundaries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.move_indexing.boundaries.holds import Model
from agents.move_indexing.boundaries.states import boundary_states
from agents.move_indexing.boundaries.tracked_couple import TrackedCouple
from agents.move_indexing.steps.free_feet import FreeFoot, free_feet
from schemas.boundary import Boundary
from tests.quality.seam_clips import SeamClip


def states_at(clip: SeamClip, times_s: Sequence[float], model: Model | None = None) -> Sequence[Boundary]:
    """Return the couple's state at each time. `model`: other constants for holds than those of the program."""
    dance = clip.dance
    couple = TrackedCouple.of(dance.lead, dance.follow, clip.detections.size, model)
    return boundary_states(couple, times_s, range(len(times_s)), _feet(clip, times_s))


def _feet(clip: SeamClip, times_s: Sequence[float]) -> Sequence[Sequence[FreeFoot]]:
    """Return the free feet of both dancers on the beats that are nearest to the times."""
    if clip.move is None:
        return unknown_feet(len(times_s))
    move, dance = clip.move, clip.dance
    feet = free_feet(dance.lead, dance.follow, move.beats, move.counts, move.count_confidence)
    nearest = [int(np.abs(np.array(move.beats) - time_s).argmin()) for time_s in times_s]
    return tuple([one[n] for n in nearest] for one in feet)


def unknown_feet(beats: int) -> Sequence[Sequence[FreeFoot]]:
    """Return free feet of both dancers that nothing tells, on a number of beats."""
    return ((FreeFoot(None, 0.0),) * beats,) * 2
