"""Match the steps of a couple with the pattern of bachata: three steps and a tap, and then from the other foot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.tracks import Track
from agents.move_indexing.steps.foot_motion import LAGS, foot_motion
from agents.move_indexing.steps.states import Stepping, follow_patterns, without_pattern

COUNTS = 8
MIN_BEATS = 2
# The lead's foot that moves before counts 1 to 8, 1 for the left; 4 and 8 are taps. The follow's is the other one.
_LEAD = np.array([1, -1, 1, -1, -1, 1, -1, 1])
# Steps land before the beat on average, by the movement of the feet, which stop before the weight is on them.
USUAL_LAG = -0.15
_LAG_DEVIATION = 0.15
_NO_PATTERN = 0.1  # of clips: the beats are wrong, or the couple dances something else


@dataclass(frozen=True)
class Fit:
    """How well the steps fit, if each count is in truth a later one, by 0 to 7 counts, and steps land late by `LAGS`.

    `probabilities` (8, lags) sum to 1. `lead`, `follow`: how each of them follows the 8 patterns, and `lead_left`
    (8, beats), the patterns: 1 where the lead's left foot and the follow's right one step, else -1. `is_pattern`: the
    probability that there is such a pattern at all, 0-1.
    """

    probabilities: Floats
    lead: Stepping
    follow: Stepping
    lead_left: Floats
    is_pattern: float


def usual_lags() -> Floats:
    """Return the log probability of each lag where the beats are those of the music."""
    return -0.5 * ((LAGS - USUAL_LAG) / _LAG_DEVIATION) ** 2


def fit_steps(lead: Track, follow: Track, beats: Sequence[float], counts: Sequence[int], log_prior: Floats) -> Fit:
    """Return how the steps on two or more beats fit their counts. `log_prior`: of later counts and lags, (8, lags)."""
    lead_left = _LEAD[(np.array(counts) - 1 + np.arange(COUNTS)[:, None]) % COUNTS].astype(float)
    motions = foot_motion(lead, follow, beats), foot_motion(follow, lead, beats)
    leading, following = follow_patterns(motions[0], lead_left), follow_patterns(motions[1], -lead_left)
    patterns = leading.log_likelihood + following.log_likelihood + log_prior
    total = np.logaddexp.reduce(patterns, axis=None)
    none = np.logaddexp.reduce(without_pattern(motions[0]) + without_pattern(motions[1]) + log_prior, axis=None)
    is_pattern = 1 / (1 + np.exp(np.clip(none - total, -50, 50)) * _NO_PATTERN / (1 - _NO_PATTERN))
    return Fit(np.exp(patterns - total), leading, following, lead_left, float(is_pattern))
