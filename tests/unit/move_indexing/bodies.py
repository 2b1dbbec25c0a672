"""Build bodies for the tests of move indexing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.detections import Detection

MakeBody = Callable[..., Detection]

# BlazePose's 33 landmarks of a standing person: x towards the left hand, y down, in torso lengths from the hips.
_POINTS = {
    0: (0.0, -1.45), 11: (0.35, -1.0), 12: (-0.35, -1.0), 13: (0.45, -0.5), 14: (-0.45, -0.5), 15: (0.5, 0.0),
    16: (-0.5, 0.0), 23: (0.2, 0.0), 24: (-0.2, 0.0), 25: (0.2, 0.8), 26: (-0.2, 0.8), 27: (0.2, 1.6), 28: (-0.2, 1.6),
}  # fmt: skip
RED, BLUE = np.array([136.0, 208, 195] * 2), np.array([82.0, 207, 20] * 2)


def standing() -> Floats:
    """Return the landmarks of a standing person: (33, 2). Those not listed above are at the nose."""
    return np.array([_POINTS.get(i, _POINTS[0]) for i in range(33)])
