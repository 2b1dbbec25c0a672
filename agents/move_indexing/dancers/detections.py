"""What is seen of one dancer in one frame, and whether two sightings can be two dancers of a couple."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.arrays import Floats

SHOULDERS, ELBOWS, WRISTS = [11, 12], [13, 14], [15, 16]
HIPS, KNEES, ANKLES = [23, 24], [25, 26], [27, 28]
NOSE, EARS = 0, [7, 8]
JOINTS = [NOSE, *SHOULDERS, *ELBOWS, *WRISTS, *HIPS, *KNEES, *ANKLES]

_SAME_WITHIN = 0.15  # torso lengths
_CLOSE_WITHIN = 0.6
_REACH = 1.2  # body heights between the hips of two who dance together
_SIZES = (0.5, 1.8)
_APART = 0.7  # body heights: beyond, nobody bends or hides enough to look much smaller than the other
_SIZES_APART = (0.75, 1.35)


@dataclass(frozen=True)
class Detection:
    """BlazePose's 33 landmarks of one dancer.

    `xy` (33, 2) pixels; `world` (33, 3) metres from the hips, y down; `colour` (12,) CIE Lab of torso, thighs,
    shins and hair, as OpenCV scales it, NaN where they cannot be seen; `confidence` 0-1, that somebody is there.
    """

    xy: Floats
    world: Floats
    colour: Floats
    confidence: float = 1.0


@dataclass(frozen=True)
class FrameDetections:
    """The dancers of one frame, the one in front first: none, one or two."""

    time_s: float
    dancers: tuple[Detection, ...]


def middle(points: Floats, pair: list[int]) -> Floats:
    """Between a left and a right landmark: (..., 33, d) to (..., d)."""
    between: Floats = points[..., pair, :].mean(axis=-2)
    return between


def torso(xy: Floats) -> Floats:
    """From the middle of the shoulders to that of the hips, never 0: (..., 33, 2) to (...)."""
    length: Floats = np.linalg.norm(middle(xy, SHOULDERS) - middle(xy, HIPS), axis=-1) + 1e-6
    return length


def extent(xy: Floats) -> float:
    """The longer side of a body's box, pixels: its height, or its length in a dip."""
    return float(np.ptp(xy, axis=0).max())


def is_partner(front: Detection, other: Detection) -> bool:
    """Whether `other` is a second dancer: not the first one again, within reach, and of a like size.

    What detectors take for a dancer beside a couple (a vase, a poster) stands apart and has another size.
    """
    apart = np.linalg.norm(middle(front.xy, HIPS) - middle(other.xy, HIPS)) / max(extent(front.xy), 1e-6)
    smallest, largest = _SIZES if apart <= _APART else _SIZES_APART
    alike = smallest < extent(other.xy) / max(extent(front.xy), 1e-6) < largest
    return bool(apart <= _REACH and alike and not is_same(front, other))


def is_same(one: Detection, other: Detection) -> bool:
    """Whether the same body was found twice: half of its landmarks lie within a seventh of a torso."""
    return _apart(one, other) < _SAME_WITHIN


def are_close(one: Detection, other: Detection) -> bool:
    """Whether two bodies may have been mixed: half of their landmarks lie within 0.6 of a torso."""
    return _apart(one, other) < _CLOSE_WITHIN


def _apart(one: Detection, other: Detection) -> float:
    """Median distance of like landmarks, in lengths of the longer torso."""
    apart = np.median(np.linalg.norm(one.xy - other.xy, axis=1))
    return float(apart / max(torso(one.xy), torso(other.xy)))
