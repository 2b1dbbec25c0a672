"""Assign each detection of a clip to one of its two dancers.

Which dancer is in front changes often, so the order in a frame does not identify the dancers. The colours of their
clothes do, where they differ, and motion links one frame to the next: a Viterbi path over the two orders per frame.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from agents.arrays import Bools, Floats
from agents.move_indexing.dancers.detections import HIPS, Detection, FrameDetections, midpoint, torso_length
from agents.viterbi import best_path

Pair = tuple[Detection | None, Detection | None]  # of the two dancers in one frame

_COLOUR_WEIGHT = 0.2  # consecutive frames have nearly the same colours, so each frame is not new evidence
_MAX_COLOUR_COST = 4.0  # light and shadow in one frame must not outweigh all other frames
_MAX_MOTION_COST = 3.0
_LANDMARK_JITTER = 0.3  # torso lengths that landmarks may jump between frames, however short the time between them
_APPEARANCE_COST = 1.0  # of appearing or disappearing: else a lone dancer would best change identity in every frame
_MAX_DEVIATIONS = 3.0  # beyond, a colour belongs to neither dancer
_MIN_DEVIATION_LAB = 8.0  # smaller colour differences do not count
_MAX_ITERATIONS = 15
_MIN_OUTLIER_DISTANCE = 0.8  # torso lengths from the line between the detections before and after
_MAX_OUTLIER_SPAN_S = 1.0  # between the detections before and after


def assign_identities(frames: Sequence[FrameDetections]) -> list[Pair]:
    """Return each frame's dancers as (dancer 0, dancer 1), None where one is not detected."""
    if not any(frame.dancers for frame in frames):
        return [(None, None)] * len(frames)
    swapped = best_path(-_colour_costs(frames), -_motion_costs(frames)).tolist()
    pairs = [_ordered(frame, swap) for frame, swap in zip(frames, swapped, strict=True)]
    times = [frame.time_s for frame in frames]
    filtered = [_drop_outliers(times, [pair[index] for pair in pairs]) for index in (0, 1)]
    return list(zip(*filtered, strict=True))


def _drop_outliers(times: Sequence[float], dancer: Sequence[Detection | None]) -> list[Detection | None]:
    """Return a dancer's detections without those that are far from the detections before and after."""
    filtered = list(dancer)
    detected = [
        (time, detection, index)
        for index, (time, detection) in enumerate(zip(times, dancer, strict=True))
        if detection is not None
    ]
    for (before_s, before, _), (time, detection, index), (after_s, after, _) in zip(
        detected, detected[1:], detected[2:], strict=False
    ):
        span_s = after_s - before_s
        if span_s <= _MAX_OUTLIER_SPAN_S and _is_outlier(before, detection, after, (time - before_s) / span_s):
            filtered[index] = None
    return filtered


def _is_outlier(before: Detection, detection: Detection, after: Detection, share: float) -> bool:
    start, actual, end = (midpoint(each.xy, HIPS) for each in (before, detection, after))
    error = np.linalg.norm(actual - start * (1 - share) - end * share)
    unit = max(torso_length(before.xy), torso_length(after.xy))
    return bool(error > _MIN_OUTLIER_DISTANCE * unit + np.linalg.norm(end - start))


def _ordered(frame: FrameDetections, swap: int) -> Pair:
    front = frame.dancers[0] if frame.dancers else None
    other = frame.dancers[1] if len(frame.dancers) > 1 else None
    return (other, front) if swap else (front, other)


@dataclass(frozen=True)
class _ColourModel:
    """The two dancers' median colours (2, k), and the deviation of one dancer's colours from them, (k,)."""

    colours: Floats
    deviation: Floats

    def distances(self, colours: Floats) -> Floats:
        """Return the distances from a detection's colours (k,) to each dancer's, (2,): one is 0, the other 0 to 4.

        The difference of half the squared deviations, which is the log-likelihood ratio of the two dancers, times the
        colour weight.
        """
        relative = np.nan_to_num((colours - self.colours) / self.deviation)
        costs = (np.clip(relative, -_MAX_DEVIATIONS, _MAX_DEVIATIONS) ** 2).sum(axis=1) / 2
        capped: Floats = np.minimum(_MAX_COLOUR_COST, _COLOUR_WEIGHT * (costs - costs.min()))
        return capped


def _colour_costs(frames: Sequence[FrameDetections]) -> Floats:
    model = _fit_colour_model(frames)
    return np.array([_colour_cost(frame, model) for frame in frames])


def _colour_cost(frame: FrameDetections, model: _ColourModel) -> Floats:
    cost = np.zeros(2)
    for index, dancer in enumerate(frame.dancers):
        cost += np.roll(model.distances(dancer.colour), -index)
    return cost


def _fit_colour_model(frames: Sequence[FrameDetections]) -> _ColourModel:
    pairs = [[dancer.colour for dancer in frame.dancers] for frame in frames if len(frame.dancers) == 2]
    if not pairs:
        zeros = np.zeros(len(next(dancer for frame in frames for dancer in frame.dancers).colour))
        return _ColourModel(np.array([zeros, zeros]), zeros + _MIN_DEVIATION_LAB)
    return _two_means(np.array(pairs))


def _two_means(pairs: Floats) -> _ColourModel:
    """Return the colour model of two dancers, from both dancers' colours in some frames, (n, 2, k), in either order.

    Two-means clustering in which each frame contributes one of its dancers to each cluster. Frames are first ordered
    along the differences' first right singular vector, the direction in which the two dancers differ most.
    """
    differences = np.nan_to_num(pairs[:, 0] - pairs[:, 1])
    swapped = differences @ np.linalg.svd(differences, full_matrices=False)[2][0] < 0
    for _ in range(_MAX_ITERATIONS):
        model = _colour_model(pairs, swapped)
        costs = np.array([[model.distances(colours) for colours in pair] for pair in pairs])
        before, swapped = swapped, costs[:, 0, 1] + costs[:, 1, 0] < costs[:, 0, 0] + costs[:, 1, 1]
        if (before == swapped).all():
            break
    return _colour_model(pairs, swapped)


def _colour_model(pairs: Floats, swapped: Bools) -> _ColourModel:
    ordered = np.where(swapped[:, None, None], pairs[:, ::-1], pairs)
    median = _nan_median(ordered)
    # Not a median deviation: a part that shows the face in some frames and hair in others must have little weight.
    deviation = np.nan_to_num(np.sqrt(_nan_mean((ordered - median) ** 2)).mean(axis=0))
    return _ColourModel(median, deviation + _MIN_DEVIATION_LAB)


def _nan_median(values: Floats) -> Floats:
    """Return the median along the first axis, 0 where all values are NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nan_to_num(np.nanmedian(values, axis=0))


def _nan_mean(values: Floats) -> Floats:
    """Return the mean along the first axis, 0 where all values are NaN."""
    known = ~np.isnan(values)
    mean: Floats = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return mean


def _motion_costs(frames: Sequence[FrameDetections]) -> Floats:
    steps = [_motion_cost(a, b) for a, b in pairwise(frames)]
    return np.array(steps).reshape(-1, 2, 2)


def _motion_cost(before: FrameDetections, after: FrameDetections) -> Floats:
    """Return the cost of the bodies' jumps between two frames, by whether each frame is swapped: (2, 2)."""
    # Torso lengths: one per second, and the jitter.
    expected_jump = _LANDMARK_JITTER + after.time_s - before.time_s
    cost = np.zeros((2, 2))
    for swap_before, swap_after in product((0, 1), repeat=2):
        old, new = _ordered(before, swap_before), _ordered(after, swap_after)
        cost[swap_before, swap_after] = sum(_change(a, b, expected_jump) for a, b in zip(old, new, strict=True))
    return cost


def _change(old: Detection | None, new: Detection | None, expected_jump: float) -> float:
    if old is None or new is None:
        return 0.0 if old is new else _APPEARANCE_COST
    return min(_MAX_MOTION_COST, _jump(old, new) / expected_jump)


def _jump(old: Detection, new: Detection) -> float:
    """Return the mean distance of corresponding landmarks, in torso lengths."""
    distance = np.linalg.norm(new.xy - old.xy, axis=1).mean()
    return float(distance / torso_length(old.xy))
