"""Assign each detection of a clip to one of its two dancers.

Which dancer is in front changes often, so the order in a frame does not identify the dancers. Their appearance does,
where it differs, and motion links one frame to the next: a Viterbi path over the two orders per frame. The appearance
is learned from the path, and the path from the appearance, until neither changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np

from agents.arrays import Floats, Ints
from agents.move_indexing.dancers.appearance import first_guesses, fit_appearance, traits_of
from agents.move_indexing.dancers.detections import (
    HIPS,
    Detection,
    FrameDetections,
    have_same_trunk,
    mean_distance,
    midpoint,
    torso_length,
)
from agents.viterbi import best_path

Pair = tuple[Detection | None, Detection | None]  # of the two dancers in one frame

_MAX_MOTION_COST = 3.0
_LANDMARK_JITTER = 0.3  # torso lengths that landmarks may jump between frames, however short the time between them
_APPEARANCE_COST = 1.0  # of appearing or disappearing: else a lone dancer would best change identity in every frame
_TAKEOVER_COST = 3.0  # of a dancer who appears where the other one has just been: it is the other one
_MAX_ITERATIONS = 15
_MIN_OUTLIER_DISTANCE = 0.8  # torso lengths from the line between the detections before and after
_MAX_OUTLIER_SPAN_S = 1.0  # between the detections before and after


def assign_identities(frames: Sequence[FrameDetections]) -> list[Pair]:
    """Return each frame's dancers as (dancer 0, dancer 1), None where one is not detected.

    Of two detections of one body the second is left out.
    """
    if not any(frame.dancers for frame in frames):
        return [(None, None)] * len(frames)
    pairs = [_ordered(frame, swap) for frame, swap in zip(frames, _swapped(frames).tolist(), strict=True)]
    pairs = [_without_duplicate(frame, pair) for frame, pair in zip(frames, pairs, strict=True)]
    times = [frame.time_s for frame in frames]
    filtered = [_drop_outliers(times, [pair[index] for pair in pairs]) for index in (0, 1)]
    return list(zip(*filtered, strict=True))


def has_duplicate(frame: FrameDetections) -> bool:
    """Return whether a frame has two detections of one body."""
    return len(frame.dancers) > 1 and have_same_trunk(*frame.dancers)


def _without_duplicate(frame: FrameDetections, pair: Pair) -> Pair:
    if not has_duplicate(frame):
        return pair
    front, behind = frame.dancers
    return (front, None) if pair[1] is behind else (None, front)


def _swapped(frames: Sequence[FrameDetections]) -> Ints:
    """Return for each frame whether its first detection is of dancer 1: (n,)."""
    traits, motion = traits_of(frames), _motion_costs(frames)
    paths = [_learned_path(traits, motion, evidence) for evidence in first_guesses(traits)]
    return min(paths, key=lambda path: path[0])[1]


def _learned_path(traits: Floats, motion: Floats, evidence: Floats) -> tuple[float, Ints]:
    """Return the cost of a path and the path, (n,), that agrees with the appearance learned from it.

    `evidence` (n,): a first guess of which frames are swapped, below 0 against it.
    """
    path = best_path(np.column_stack([-evidence, evidence]), -motion)
    appearance = fit_appearance(traits, path == 1)
    for _ in range(_MAX_ITERATIONS):
        before, path = path, best_path(-appearance.costs(traits), -motion)
        if (before == path).all():
            break
        appearance = fit_appearance(traits, path == 1)
    misfit = appearance.misfit(traits, path == 1)
    return misfit + float(motion[np.arange(len(path) - 1), path[:-1], path[1:]].sum()), path


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
        cost[swap_before, swap_after] += _takeover(old, new, expected_jump) + _takeover(
            old[::-1], new[::-1], expected_jump
        )
    return cost


def _change(old: Detection | None, new: Detection | None, expected_jump: float) -> float:
    if old is None or new is None:
        return 0.0 if old is new else _APPEARANCE_COST
    return min(_MAX_MOTION_COST, _jump(old, new) / expected_jump)


def _takeover(old: Pair, new: Pair, expected_jump: float) -> float:
    """Return the cost of the second dancer's place after the first one's before, if either appears or disappears."""
    if old[0] is None or new[1] is None or (old[1] is not None and new[0] is not None):
        return 0.0
    return _TAKEOVER_COST * max(0.0, 1 - _jump(old[0], new[1]) / expected_jump)


def _jump(old: Detection, new: Detection) -> float:
    """Return the mean distance of corresponding landmarks, in torso lengths."""
    return float(mean_distance(old, new) / torso_length(old.xy))
