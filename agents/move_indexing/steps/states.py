"""Find out from a dancer's feet when the steps follow a pattern: a hidden Markov model (Rabiner, 1989)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.steps.foot_motion import FootMotion

IN_STEP, OPPOSITE, PAUSE = range(3)
# How often a dancer steps with the opposite foot (in shadow position, or where the track has slid to the partner or the
# legs are taken for each other), and how often without steps (a dip, a body roll).
_SHARES = np.array([0.85, 0.05, 0.10])
_CHANGE = 0.15  # probability that the state is drawn anew on a beat
_STEP, _DEVIATION = 0.32, 0.22  # of `FootMotion.left` at a step with the left foot; in a pause its mean is 0
_OUTLIERS, _OUTLIER_DEVIATION = 0.1, 0.5
_MIN_TRACKED_SHARE = 0.5
_TRANSITION = (1 - _CHANGE) * np.eye(3) + _CHANGE * _SHARES


@dataclass(frozen=True)
class Stepping:
    """How well a dancer's steps follow patterns, (patterns, lags), and how on each beat.

    `log_likelihood` (patterns, lags); `states` (patterns, lags, beats, 3): the probabilities of a step with the
    pattern's foot, of one with the opposite foot, and of a pause.
    """

    log_likelihood: Floats
    states: Floats


def follow_patterns(motion: FootMotion, patterns: Floats) -> Stepping:
    """Return how a dancer follows patterns (patterns, beats): 1 where the left foot steps, -1 where the right does."""
    likelihoods = _likelihoods(motion, patterns)
    forward, log_likelihood = _forward(likelihoods)
    return Stepping(log_likelihood, _smoothed(forward, likelihoods))


def without_pattern(motion: FootMotion) -> Floats:
    """Return the log likelihood, for each lag, of steps with either foot in any order: (lags,)."""
    likelihoods = _likelihoods(motion, np.ones((1, motion.left.shape[1])))[0]
    sides = (1 - _SHARES[PAUSE]) / 2
    total: Floats = np.log(likelihoods @ np.array([sides, sides, _SHARES[PAUSE]])).sum(axis=-1)
    return total


def _likelihoods(motion: FootMotion, patterns: Floats) -> Floats:
    """Return the likelihood of each state, relative to their mean: (patterns, lags, beats, 3)."""
    expected = _STEP * patterns[:, None, :, None] * np.array([1.0, -1.0, 0.0])
    steps = _normal(motion.left[:, :, None] - expected, _DEVIATION)
    outliers = _normal(motion.left, _OUTLIER_DEVIATION)[:, :, None]
    likelihoods: Floats = (1 - _OUTLIERS) * steps + _OUTLIERS * outliers
    likelihoods /= likelihoods.mean(axis=-1, keepdims=True)
    return np.where(motion.tracked_share[:, :, None] >= _MIN_TRACKED_SHARE, likelihoods, 1.0)


def _normal(difference: Floats, deviation: float) -> Floats:
    density: Floats = np.exp(-0.5 * (difference / deviation) ** 2) / deviation
    return density


def _forward(likelihoods: Floats) -> tuple[Floats, Floats]:
    """Return the probabilities of the states by the beats so far, and the log likelihood of all beats."""
    forward, log_likelihood = np.empty_like(likelihoods), np.zeros(likelihoods.shape[:2])
    state = np.broadcast_to(_SHARES, (*likelihoods.shape[:2], 3))
    for beat in range(likelihoods.shape[2]):
        joint = (state @ _TRANSITION) * likelihoods[:, :, beat]
        total = joint.sum(axis=-1, keepdims=True)
        log_likelihood += np.log(total[..., 0])
        state = forward[:, :, beat] = joint / total
    return forward, log_likelihood


def _smoothed(forward: Floats, likelihoods: Floats) -> Floats:
    """Return the probabilities of the states by all beats."""
    states = forward.copy()
    later = np.ones((*forward.shape[:2], 3))
    for beat in range(forward.shape[2] - 2, -1, -1):
        later = (later * likelihoods[:, :, beat + 1]) @ _TRANSITION.T
        later /= later.sum(axis=-1, keepdims=True)
        states[:, :, beat] *= later
    smoothed: Floats = states / states.sum(axis=-1, keepdims=True)
    return smoothed
