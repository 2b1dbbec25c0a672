"""Measure over a whole recording how much its dancers move, and how they are placed; without knowing who is who.

A recording may show several couples one after the other, so that no colours tell its dancers apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from agents.arrays import Bools, Floats
from agents.move_indexing.dancers.detections import (
    HIPS,
    JOINTS,
    SHOULDERS,
    Detection,
    FrameDetections,
    extent,
    midpoint,
)
from agents.move_indexing.dancers.tracks import MAX_GAP_S
from agents.move_indexing.motion.posture import joint_angles

_MAX_SPEED = 1.5  # body heights per second: more is another person, or another camera
_STEP = 2  # frames
_ANGLES = 14


@dataclass(frozen=True)
class Movement:
    """The dancers at `times` (n,), seconds.

    `speed` (n,): mean speed of 13 joints of the dancer who moves less, body heights per second, 0 where nobody is: a
    false detection beside a dancer who stands still jumps about.
    `present` (n,): a dancer is detected, or is before and after at most 0.7 s apart. `postures` (n, 16): the dancers'
    mean joint angles and leans, radians, their distance in body heights and the cosine between them; the last known
    ones where nobody is detected.
    """

    times: Floats
    speed: Floats
    present: Bools
    postures: Floats


def movement_of(frames: Sequence[FrameDetections]) -> Movement:
    """Return the movement in a recording, from the detections in its frames, at least three."""
    times = np.array([frame.time_s for frame in frames])
    present = _gaps_filled(times, np.array([bool(frame.dancers) for frame in frames]))
    speed = np.where(present, _without_outliers(_speeds(frames)), 0.0)
    return Movement(times, speed, present, _postures(frames))


def _gaps_filled(times: Floats, detected: Bools) -> Bools:
    known = np.flatnonzero(detected)
    filled = detected.copy()
    for before, after in pairwise(known.tolist()):
        if times[after] - times[before] <= MAX_GAP_S:
            filled[before:after] = True
    return filled


def _without_outliers(values: Floats) -> Floats:
    from scipy.ndimage import median_filter

    filtered: Floats = median_filter(values, 3, mode="nearest")
    return filtered


def _speeds(frames: Sequence[FrameDetections]) -> Floats:
    """Return the dancers' speed at each frame, (n,): that from two frames before or to two frames after, the lower.

    So the jump from one camera, or one couple, to another is no movement of either.
    """
    steps = [_speed(frames[n], frames[n + _STEP]) for n in range(len(frames) - _STEP)]
    before = np.array([*steps[:1] * _STEP, *steps])
    after = np.array([*steps, *steps[-1:] * _STEP])
    return np.asarray(np.minimum(before, after))


def _speed(before: FrameDetections, after: FrameDetections) -> float:
    """Return the mean speed of the joints of the dancer who moves less; each is the nearest one of the time before."""
    if not before.dancers or not after.dancers:
        return 0.0
    paths = [min(_path(one, other) for one in before.dancers) for other in after.dancers]
    return min(_MAX_SPEED, min(paths) / max(after.time_s - before.time_s, 1e-3))


def _path(one: Detection, other: Detection) -> float:
    """Return the mean distance of corresponding joints, in body heights."""
    distance = np.linalg.norm(other.xy[JOINTS] - one.xy[JOINTS], axis=1).mean()
    return float(distance / max(extent(one.xy), extent(other.xy), 1.0))


def _postures(frames: Sequence[FrameDetections]) -> Floats:
    rows: list[Floats] = []
    known: Floats = np.zeros(_ANGLES + 2)
    for frame in frames:
        known = _posture(frame.dancers) if frame.dancers else known
        rows.append(known)
    return np.array(rows)


def _posture(dancers: Sequence[Detection]) -> Floats:
    angles = joint_angles(np.stack([dancer.world for dancer in dancers])).mean(axis=0)
    return np.concatenate([angles, _placing(dancers[0], dancers[-1])])


def _placing(one: Detection, other: Detection) -> Floats:
    """Return the distance of two dancers' hips and the cosine between their shoulder lines; 0 and 1 for one dancer."""
    distance = np.linalg.norm(midpoint(one.xy, HIPS) - midpoint(other.xy, HIPS)) / max(extent(one.xy), 1.0)
    a, b = (dancer.world[SHOULDERS[0]] - dancer.world[SHOULDERS[1]] for dancer in (one, other))
    return np.array([distance, a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9)])
