"""Describe a couple at given times, such as the beats on which eights begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.boundaries.couple_geometry import HAND_PAIRS
from agents.move_indexing.boundaries.headings import FACINGS, mean_heading_deg
from agents.move_indexing.boundaries.holds import HOLDS
from agents.move_indexing.boundaries.tracked_couple import TrackedCouple, TrackedDancer
from agents.move_indexing.dancers.detections import ANKLES, HEELS, HIPS, TOES, midpoint, torso_length
from agents.move_indexing.steps.free_feet import FreeFoot, in_shadow
from schemas import limits
from schemas.boundary import Boundary, DancerState, JoinedHands

_FEET = [*ANKLES, *HEELS, *TOES]
MIN_JOINED = 0.38  # probability of a pair of hands: the best F on labelled boundaries
_MAX_HIDDEN_S = 2.0  # a dancer who is not tracked for longer before and after a time has no state
_SHADOW = HOLDS.index("shadow")


def boundary_states(
    couple: TrackedCouple, beats: Sequence[float], indices: Sequence[int], feet: Sequence[Sequence[FreeFoot]]
) -> tuple[Boundary, ...]:
    """Return the couple's state on the beats at `indices`. `feet`: the free feet of lead and follow, on each beat."""
    return tuple(_state(couple, index, beats[index], [one[index] for one in feet]) for index in indices)


def _state(couple: TrackedCouple, index: int, time_s: float, feet: Sequence[FreeFoot]) -> Boundary:
    feet = in_shadow(feet[0], feet[1], float(couple.holds.at(time_s)[_SHADOW]))
    lead, follow = (
        _state_of(dancer, foot, time_s, couple.size) for dancer, foot in zip(couple.dancers, feet, strict=True)
    )
    together = _together(couple, time_s) if lead and follow else {}
    return Boundary(beat=index, lead=lead, follow=follow, **together, **_in_picture(couple, time_s))


def _state_of(dancer: TrackedDancer, foot: FreeFoot, time_s: float, size: tuple[int, int]) -> DancerState | None:
    track = dancer.track
    apart = np.abs(track.times - time_s)
    if not track.tracked.any() or apart[track.tracked].min() > _MAX_HIDDEN_S:
        return None
    nearest = int(apart.argmin())
    return DancerState(
        heading_deg=mean_heading_deg(dancer.headings[nearest]),
        free_foot=foot.side,
        free_foot_confidence=foot.confidence,
        **(_body(dancer, nearest, size) if track.tracked[nearest] else {}),
    )


def _body(dancer: TrackedDancer, n: int, size: tuple[int, int]) -> dict[str, Any]:
    """Return the fields that are measured on the body at sample `n`."""
    xy = dancer.track.xy[n]
    return {
        "hip_velocity": _limited(dancer.hip_velocities[n] / torso_length(xy), limits.MAX_MOTION),
        "place": _limited(midpoint(xy, HIPS) / size, limits.MAX_PLACE),
        "in_picture": _is_inside(xy, size),
        "feet_in_picture": _is_inside(xy[_FEET], size),
    }


def _is_inside(points: Floats, size: tuple[int, int]) -> bool:
    return bool(((points >= 0) & (points <= size)).all())


def _limited(values: Floats, limit: float) -> tuple[float, float]:
    x, y = np.clip(values, -limit, limit).round(4).tolist()
    return x, y


def _together(couple: TrackedCouple, time_s: float) -> dict[str, Any]:
    """Return hold, joined hands and facing at a time, each with its confidence."""
    holds, hands = couple.holds.at(time_s), couple.holds.hands_at(time_s)
    facings = couple.headings.facings[couple.sample(time_s)]
    return {
        "hold": HOLDS[int(holds.argmax())],
        "hold_confidence": round(float(holds.max()), 4),
        "hands": tuple(
            JoinedHands(lead=one, follow=two, confidence=round(float(share), 4))
            for (one, two), share in zip(HAND_PAIRS, hands, strict=True)
            if share >= MIN_JOINED
        ),
        "facing": FACINGS[int(facings.argmax())],
        "facing_confidence": round(float(facings.max()), 4),
    }


def _in_picture(couple: TrackedCouple, time_s: float) -> dict[str, Any]:
    """Return where the tracked bodies are in the picture at a time; nothing where there is none."""
    n = couple.sample(time_s)
    bodies = [track.xy[n] for track in (couple.lead, couple.follow) if track.tracked[n]]
    if not bodies:
        return {}
    hips = np.mean([midpoint(body, HIPS) for body in bodies], axis=0)
    height = float(np.ptp(np.concatenate(bodies)[:, 1])) / couple.size[1]
    return {
        "centre": _limited(hips / couple.size, limits.MAX_PLACE),
        "height": round(min(height, limits.MAX_PLACE), 4),
    }
