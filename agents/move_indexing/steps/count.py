"""Count a clip's beats from the dancers' steps: which beats are a 1 and which a 5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.dance import Dance
from agents.move_indexing.steps.foot_motion import LAGS
from agents.move_indexing.steps.pattern import COUNTS, USUAL_LAG, fit_steps, usual_lags

# The probability that the sound's 1 is a 1 or a 5, at a downbeat confidence of 0 and of 1; then that it is a 1: of 35
# clips, it is one in 20.
_BAR_IS_RIGHT = (0.6, 0.93)
_ONE_IS_RIGHT = 0.55
_SAME_PHASE_BEATS = 0.25
_ONE_BEAT = (LAGS >= -0.5) & (LAGS < 0.45)


@dataclass(frozen=True)
class StepCount:
    """The correction of a clip's counts by the dancers' steps.

    `later`: by how many counts, 0 to 7, each beat's count is too early. `shift_beats`: by how much of a beat the beats
    are too early, 0 where they were detected in the sound. `confidence` 0-1: that both are right.
    """

    later: int
    confidence: float
    shift_beats: float = 0.0


def count_steps(dance: Dance, beats: Sequence[float], counts: Sequence[int], downbeat_confidence: float) -> StepCount:
    """Return the counts of beats that were detected in the sound. `downbeat_confidence` 0-1: of their bars."""
    bar = np.interp(downbeat_confidence, (0.0, 1.0), _BAR_IS_RIGHT)
    bars = np.full(COUNTS, (1 - bar) / (COUNTS - 2))
    bars[[0, 4]] = bar * _ONE_IS_RIGHT, bar * (1 - _ONE_IS_RIGHT)
    fit = fit_steps(dance.lead, dance.follow, beats, counts, np.log(bars)[:, None] + usual_lags())
    shares = fit.is_pattern * fit.probabilities.sum(axis=1) + (1 - fit.is_pattern) * bars
    later = int(shares.argmax())
    return StepCount(later, _with_either_lead(dance, shares[later], shares[(later + 4) % COUNTS]))


def find_beats(dance: Dance, beats: Sequence[float], counts: Sequence[int]) -> StepCount:
    """Return the counts of beats of which only the tempo is known, and where they are."""
    lags = np.where(_ONE_BEAT, 0.0, -np.inf)
    fit = fit_steps(dance.lead, dance.follow, beats, counts, np.broadcast_to(lags, (COUNTS, len(LAGS))))
    shares = fit.is_pattern * _near_phases(fit.probabilities)
    later, lag = np.unravel_index(int(shares.argmax()), shares.shape)
    confidence = _with_either_lead(dance, shares[later, lag], shares[(later + 4) % COUNTS, lag])
    return StepCount(int(later), confidence, float(LAGS[lag] - USUAL_LAG))


def _near_phases(probabilities: Floats) -> Floats:
    """Return the probability that the count is within a quarter of a beat of each count and lag: (8, lags)."""
    phases = np.arange(COUNTS)[:, None] - LAGS
    apart = np.abs(phases[:, :, None, None] - phases) % COUNTS
    is_near = np.minimum(apart, COUNTS - apart) <= _SAME_PHASE_BEATS
    shares: Floats = np.where(_ONE_BEAT, (is_near * probabilities).sum(axis=(2, 3)), 0.0)
    return shares


def _with_either_lead(dance: Dance, share: float, opposite: float) -> float:
    """Return the probability of a count, if the lead may be the follow: then the 1 is a 5."""
    return float(dance.lead_confidence * share + (1 - dance.lead_confidence) * opposite)
