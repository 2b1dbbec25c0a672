"""Find out which foot of each dancer is free before a beat: the one that steps or taps on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.tracks import Track
from agents.move_indexing.steps.foot_motion import LAGS
from agents.move_indexing.steps.pattern import COUNTS, MIN_BEATS, Fit, fit_steps, usual_lags
from agents.move_indexing.steps.states import IN_STEP, OPPOSITE, PAUSE, Stepping
from schemas.boundary import Side

_TRUE_OPPOSITE = 0.7  # of the steps that look like the opposite foot's, the share that are; else the tracking errs
_SAME_FOOT_IN_SHADOW = 0.9  # 20 of 22 labelled beats in shadow position, 5 of 315 others
_IN_PAUSE = 0.6  # the probability that the foot of the pattern is free where no step is detected
_LAG_SPREAD = 0.08  # beats by which single steps land earlier or later than the clip's steps do


class FreeFoot(NamedTuple):
    """The foot that is free until a beat, None where nothing tells, and the probability that it is, 0.5-1 or 0."""

    side: Side | None
    confidence: float


def free_feet(
    lead: Track, follow: Track, beats: Sequence[float], counts: Sequence[int], count_confidence: float
) -> tuple[tuple[FreeFoot, ...], tuple[FreeFoot, ...]]:
    """Return the free foot of the lead, and of the follow, on each beat of a clip. `count_confidence` 0-1."""
    if len(beats) < MIN_BEATS:
        unknown = (FreeFoot(None, 0.0),) * len(beats)
        return unknown, unknown
    fit = fit_steps(lead, follow, beats, counts, _prior(count_confidence))
    return _feet(fit, fit.lead, fit.lead_left), _feet(fit, fit.follow, -fit.lead_left)


def in_shadow(lead: FreeFoot, follow: FreeFoot, confidence: float) -> tuple[FreeFoot, FreeFoot]:
    """Return the free feet of two dancers who are in shadow position with a confidence 0-1: mostly the same foot.

    Where nothing tells the foot of one of them, both stay as they are.
    """
    if lead.side is None or follow.side is None:
        return lead, follow
    one, two = _left(lead), _left(follow)
    both = one * two / (one * two + (1 - one) * (1 - two))
    share = confidence * _SAME_FOOT_IN_SHADOW
    return _foot(share * both + (1 - share) * one), _foot(share * both + (1 - share) * two)


def _left(foot: FreeFoot) -> float:
    """Return the probability that the left foot is free, never 0 or 1, of a foot with a side."""
    left = foot.confidence if foot.side == "left" else 1 - foot.confidence
    return min(max(left, 0.01), 0.99)


def _prior(count_confidence: float) -> Floats:
    wrong = np.full(COUNTS - 1, (1 - count_confidence) / (COUNTS - 1))
    return np.log(np.concatenate([[count_confidence], wrong]) + 1e-9)[:, None] + usual_lags()


def _feet(fit: Fit, dancer: Stepping, left: Floats) -> tuple[FreeFoot, ...]:
    states = dancer.states
    of_pattern = states[..., IN_STEP] + (1 - _TRUE_OPPOSITE) * states[..., OPPOSITE] + _IN_PAUSE * states[..., PAUSE]
    is_left = _on_beats(np.where(left[:, None] > 0, of_pattern, 1 - of_pattern))
    return tuple(_foot(float(share)) for share in np.tensordot(fit.probabilities, is_left, axes=2))


def _on_beats(is_left: Floats) -> Floats:
    """Return the probability for the step that is nearest to each beat: (patterns, lags, beats) to the same shape.

    Where steps land half a beat early or late, it may be that of the beat after or before.
    """
    after, before = (1 / (1 + np.exp((0.5 + side * LAGS) / _LAG_SPREAD))[:, None] for side in (1, -1))
    next_left = np.concatenate([is_left[..., 1:], is_left[..., -1:]], axis=-1)
    last_left = np.concatenate([is_left[..., :1], is_left[..., :-1]], axis=-1)
    nearest: Floats = (1 - after - before) * is_left + after * next_left + before * last_left
    return nearest


def _foot(left: float) -> FreeFoot:
    return FreeFoot("left" if left >= 0.5 else "right", round(max(left, 1 - left), 4))
