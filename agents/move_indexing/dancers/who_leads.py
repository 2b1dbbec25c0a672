"""Find out which of two dancers leads: the larger one, whose shoulders are higher and whose feet are longer."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.detections import ANKLES, HEELS, NOSE, SHOULDERS, TOES
from agents.move_indexing.dancers.tracks import Track

# Of 31 clips in which each track is one person throughout, the lead is right in 31; by the distance from nose to
# ankle, in 25: knees bend, heels lift, and an ankle is often hidden, while shoulders are not.
_FOOT_WEIGHT = 0.3
_LARGEST_PERCENTILE = 90  # of the feet's lengths in the picture: feet point to the camera at times
_SLOPE = 80.0  # of the logistic curve, from a difference in body heights to a probability
_MIN_SAMPLES = 5
_IF_ALONE = 0.6  # the smaller dancer is hidden more often


def probability_of_lead(one: Track, two: Track) -> float:
    """Return the probability 0-1 that dancer `one` leads: by size, or by who is tracked where only one of them is."""
    if min(one.tracked.sum(), two.tracked.sum()) < _MIN_SAMPLES:
        return _IF_ALONE if one.tracked.sum() >= two.tracked.sum() else 1 - _IF_ALONE
    return float(1 / (1 + np.exp(-np.clip(_SLOPE * _difference_in_size(one, two), -50, 50))))


def _difference_in_size(one: Track, two: Track) -> float:
    both = one.tracked & two.tracked
    together = both.sum() >= _MIN_SAMPLES
    a, b = (track.xy[both if together else track.tracked] for track in (one, two))
    unit = (_height(a) + _height(b)) / 2 + 1e-6
    below, above = _shoulders(b), _shoulders(a)
    higher = np.median(below - above) if together else np.median(below) - np.median(above)
    return float(higher / unit + _FOOT_WEIGHT * np.log(_foot_length(a) / _foot_length(b)))


def _shoulders(xy: Floats) -> Floats:
    y: Floats = xy[:, SHOULDERS, 1].mean(axis=1)
    return y


def _height(xy: Floats) -> float:
    return float(np.median(xy[:, ANKLES, 1].max(axis=1) - xy[:, NOSE, 1]))


def _foot_length(xy: Floats) -> float:
    lengths = np.linalg.norm(xy[:, HEELS] - xy[:, TOES], axis=-1)
    return float(np.percentile(lengths, _LARGEST_PERCENTILE)) + 1e-6
