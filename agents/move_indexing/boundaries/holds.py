"""Find how a couple holds each other, from distances between hands and bodies and from how the two face each other.

A multinomial logistic regression gives the probability of each hold every half second; a hidden Markov model, in which
a hold mostly stays, joins these. The constants are measured on labelled clips: see `tests.quality.fit_holds`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np

from agents.arrays import Floats
from agents.forward_backward import forward_backward
from agents.move_indexing.boundaries.couple_geometry import HAND_PAIRS, couple_measures
from agents.move_indexing.boundaries.headings import Headings
from agents.move_indexing.dancers.tracks import Track
from schemas.base import Hold

HOLDS: tuple[Hold, ...] = get_args(Hold)
STEP_S = 0.5
_HALF_WINDOW_S, _WINDOW_DEVIATION_S = 0.35, 0.2
_MAX_WINDOW_S = 1.2  # where the dancers are not tracked nearer
_JOINED_DISTANCE, _JOINED_DEVIATION = 0.55, 0.15  # torso lengths between two hands
_MAX_FEATURE = 3.0
_STAY_SHARE = 0.84  # of holds from one half second to the next
_EVIDENCE, _MIN_PROBABILITY = 0.8, 0.01  # neighbouring times have the same errors
MODEL_FILE = Path(__file__).with_name("hold_model.json")


@dataclass(frozen=True)
class Model:
    """The constants of the model.

    `usual` (k,): the mean of each feature, in its place where it is not known. `coefficients` (holds, k) and
    `intercepts` (holds,) take features of mean 0 and deviation 1. `hands` (holds, 4): how often each of `HAND_PAIRS` is
    joined in a hold; `hand_weights`: of the log odds of this, of the nearness of the two hands, and an offset.
    `temperature`: the exponent that makes confidences as high as the share of right ones.
    """

    usual: Floats
    deviation: Floats
    coefficients: Floats
    intercepts: Floats
    hands: Floats
    hand_weights: Floats
    temperature: float

    def probabilities(self, features: Floats) -> Floats:
        """Return the probability of each of `HOLDS`: (n, k) to (n, 9)."""
        known = np.where(np.isnan(features), self.usual, features)
        logits = (known - self.usual) / self.deviation @ self.coefficients.T + self.intercepts
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: Floats = weights / weights.sum(axis=1, keepdims=True)
        return shares


@cache
def model() -> Model:
    """Return the model that the program uses."""
    values: dict[str, Any] = json.loads(MODEL_FILE.read_text(encoding="utf-8"))
    temperature = float(values.pop("temperature"))
    return Model(**{name: np.array(value) for name, value in values.items()}, temperature=temperature)


@dataclass(frozen=True)
class Holds:
    """A couple's holds at `times` (n,), seconds: the probabilities of `HOLDS` (n, 9) and of `HAND_PAIRS` (n, 4)."""

    times: Floats
    probabilities: Floats
    hands: Floats

    def at(self, time_s: float) -> Floats:
        """Return the probabilities of holds nearest to a time: (9,)."""
        nearest: Floats = self.probabilities[int(np.abs(self.times - time_s).argmin())]
        return nearest

    def hands_at(self, time_s: float) -> Floats:
        """Return the probabilities of joined hands nearest to a time: (4,)."""
        nearest: Floats = self.hands[int(np.abs(self.times - time_s).argmin())]
        return nearest

    def mean(self, start_s: float, end_s: float) -> Floats:
        """Return the mean probabilities of holds over a time: (9,)."""
        during = (self.times >= start_s) & (self.times <= end_s)
        mean: Floats = self.probabilities[during].mean(axis=0) if during.any() else self.at(start_s)
        return mean


def couple_holds(lead: Track, follow: Track, headings: Headings, constants: Model | None = None) -> Holds:
    """Return the holds of a couple every half second."""
    constants = constants or model()
    times = np.arange(0.0, lead.times[-1] + STEP_S, STEP_S)
    features = hold_features(lead, follow, headings, times)
    probabilities = joined_in_time(constants.probabilities(features), constants.temperature)
    return Holds(times, probabilities, _hands(probabilities, features[:, : len(HAND_PAIRS)], constants))


def hold_features(lead: Track, follow: Track, headings: Headings, times: Sequence[float] | Floats) -> Floats:
    """Return what a hold is told by at each time: (n, 38), NaN where the dancers are not tracked near it."""
    measures = couple_measures(lead, follow)
    return np.array([_features(measures, headings, time_s) for time_s in times])


def _features(measures: Floats, headings: Headings, time_s: float) -> Floats:
    apart = np.abs(headings.times - time_s)
    face_to_face, same_way, across, _ = headings.facings[apart <= max(_HALF_WINDOW_S, apart.min())].mean(axis=0)
    known = ~np.isnan(measures[:, 0])
    near = np.flatnonzero(known & (apart <= _HALF_WINDOW_S))
    near = near if len(near) else np.flatnonzero(known & (apart <= _MAX_WINDOW_S))
    middle = _weighted_median(measures[near], apart[near]) if len(near) else np.full(measures.shape[1], np.nan)
    nearness = 1 / (1 + np.exp((middle[:4] - _JOINED_DISTANCE) / _JOINED_DEVIATION))
    ordered = np.sort(nearness)
    hips, lead_hands, follow_hands_before = middle[4], middle[7:9], middle[[19, 23]]
    features = [
        *nearness, nearness[1] * nearness[2], ordered[-1], ordered[-2],
        face_to_face, same_way, across, same_way * hips, face_to_face * hips,
        lead_hands.min(), follow_hands_before.min(), *middle[4:],
    ]  # fmt: skip
    clipped: Floats = np.clip(features, -_MAX_FEATURE, _MAX_FEATURE)
    return clipped


def _weighted_median(values: Floats, apart_s: Floats) -> Floats:
    """Return the median of each column, in which rows near in time weigh more: (n, k) to (k,)."""
    weights = np.exp(-((apart_s / _WINDOW_DEVIATION_S) ** 2)) + 1e-6
    order = np.argsort(values, axis=0)
    reached = np.cumsum(weights[order], axis=0) >= weights.sum() / 2
    rows = np.take_along_axis(order, reached.argmax(axis=0)[None], axis=0)[0]
    median: Floats = values[rows, np.arange(values.shape[1])]
    return median


def joined_in_time(probabilities: Floats, temperature: float) -> Floats:
    """Return the probability of each hold given those at all other times, by the forward-backward algorithm: (n, 9)."""
    evidence = probabilities**_EVIDENCE + _MIN_PROBABILITY
    any_hold = np.full(evidence.shape[1], 1 / evidence.shape[1])
    joint = forward_backward(evidence, any_hold, _mostly_same) ** temperature
    shares: Floats = joint / joint.sum(axis=1, keepdims=True)
    return shares


def _mostly_same(holds: Floats) -> Floats:
    changed: Floats = _STAY_SHARE * holds + (1 - _STAY_SHARE) * holds.mean()
    return changed


def _hands(probabilities: Floats, nearness: Floats, constants: Model) -> Floats:
    """Return the probability that each of `HAND_PAIRS` is joined: (n, 4)."""
    of_holds = probabilities @ constants.hands
    odds, near, offset = constants.hand_weights
    known = np.nan_to_num(nearness, nan=0.5)
    shares: Floats = 1 / (1 + np.exp(-(odds * np.log(of_holds / (1 - of_holds)) + near * known + offset)))
    return shares
