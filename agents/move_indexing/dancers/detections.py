"""Represent the detected pose of a dancer in a frame, and compare two detections of one frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.arrays import Floats

SHOULDERS, ELBOWS, WRISTS = [11, 12], [13, 14], [15, 16]
HIPS, KNEES, ANKLES = [23, 24], [25, 26], [27, 28]
HEELS, TOES = [29, 30], [31, 32]
NOSE, EARS = 0, [7, 8]
JOINTS = [NOSE, *SHOULDERS, *ELBOWS, *WRISTS, *HIPS, *KNEES, *ANKLES]

_MAX_COSINE_OF_UPSIDE_DOWN = -0.5  # of the angle from upright
_MAX_DISTANCE_OF_SAME_BODY = 0.15  # torso lengths
_MAX_DISTANCE_OF_SAME_TRUNK = 0.2  # torso lengths
_MAX_DISTANCE_OF_MIXED_BODIES = 0.6  # torso lengths
_MAX_PARTNER_DISTANCE = 1.2  # body heights between the hips of two dancers of a couple
_SIZE_RATIOS = (0.5, 1.8)
_LARGE_DISTANCE = 0.7  # body heights: beyond, no dancer looks much smaller by bending or by being partly hidden
_SIZE_RATIOS_AT_LARGE_DISTANCE = (0.75, 1.35)


@dataclass(frozen=True)
class Detection:
    """BlazePose's 33 landmarks of one dancer.

    `xy` (33, 2) pixels; `world` (33, 3) metres from the hips, y down; `colour` (12,) CIE Lab of torso, thighs,
    shins and hair, on OpenCV's 8-bit scale, NaN where they are hidden; `confidence` 0-1, the probability of a person.
    """

    xy: Floats
    world: Floats
    colour: Floats
    confidence: float = 1.0


@dataclass(frozen=True)
class FrameDetections:
    """The detected dancers of one frame, the one in front first: none, one or two."""

    time_s: float
    dancers: tuple[Detection, ...]


def midpoint(points: Floats, pair: list[int]) -> Floats:
    """Return the midpoint of a left and a right landmark: (..., 33, d) to (..., d)."""
    between: Floats = points[..., pair, :].mean(axis=-2)
    return between


def torso_length(xy: Floats) -> Floats:
    """Return the distance from the shoulders' midpoint to the hips' midpoint, never 0: (..., 33, 2) to (...)."""
    length: Floats = np.linalg.norm(midpoint(xy, SHOULDERS) - midpoint(xy, HIPS), axis=-1) + 1e-6
    return length


def is_upside_down(body: Detection) -> bool:
    """Return whether a trunk hangs more than 120 degrees from upright.

    No dancer does in any of 37 labelled clips; a partner who is hidden for the most part is sometimes detected so.
    """
    trunk = midpoint(body.xy, HIPS) - midpoint(body.xy, SHOULDERS)
    return bool(trunk[1] < _MAX_COSINE_OF_UPSIDE_DOWN * np.linalg.norm(trunk))


def mean_distance(one: Detection, other: Detection) -> float:
    """Return the mean distance of corresponding landmarks, in pixels."""
    return float(np.linalg.norm(one.xy - other.xy, axis=1).mean())


def extent(xy: Floats) -> float:
    """Return the longer side of a body's bounding box in pixels: its height, or its length in a dip."""
    return float(np.ptp(xy, axis=0).max())


def is_partner(front: Detection, other: Detection) -> bool:
    """Return whether `other` can be the partner: not the same body, within reach, and of a similar size.

    False detections beside a couple (a vase, a poster) are farther away and differ in size.
    """
    front_size = max(extent(front.xy), 1e-6)
    distance = np.linalg.norm(midpoint(front.xy, HIPS) - midpoint(other.xy, HIPS)) / front_size
    low, high = _SIZE_RATIOS if distance <= _LARGE_DISTANCE else _SIZE_RATIOS_AT_LARGE_DISTANCE
    similar_size = low < extent(other.xy) / front_size < high
    return bool(distance <= _MAX_PARTNER_DISTANCE and similar_size and not is_same(front, other))


def is_same(one: Detection, other: Detection) -> bool:
    """Return whether both are the same body: their median landmark distance is below 0.15 of a torso length."""
    return _median_distance(one, other) < _MAX_DISTANCE_OF_SAME_BODY


def have_same_trunk(one: Detection, other: Detection) -> bool:
    """Return whether they are of one body in an embrace, with limbs of both: hips and shoulders are in the same places.

    The midpoints of the shoulders and those of the hips are less than 0.2 of a torso length apart.
    """
    unit = max(torso_length(one.xy), torso_length(other.xy))
    distances = [np.linalg.norm(midpoint(one.xy, pair) - midpoint(other.xy, pair)) for pair in (SHOULDERS, HIPS)]
    return bool(max(distances) < _MAX_DISTANCE_OF_SAME_TRUNK * unit)


def are_close(one: Detection, other: Detection) -> bool:
    """Return whether their landmarks may be mixed: the median landmark distance is below 0.6 of a torso length."""
    return _median_distance(one, other) < _MAX_DISTANCE_OF_MIXED_BODIES


def _median_distance(one: Detection, other: Detection) -> float:
    """Return the median distance of corresponding landmarks, in lengths of the longer torso."""
    distance = np.median(np.linalg.norm(one.xy - other.xy, axis=1))
    return float(distance / max(torso_length(one.xy), torso_length(other.xy)))
