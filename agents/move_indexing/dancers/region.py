"""Define the square region of a picture, rotated so that the person is upright, that the landmark network reads."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from agents.arrays import Floats, Image

_ENLARGEMENT = 1.25
_MAX_RELATIVE_SHIFT = 0.06  # of similar regions; their sides may differ by twice that
_MIN_SIDE_PX, _MAX_SIDE_PX = 8, 1e5


@dataclass(frozen=True)
class Region:
    """A rotated square: `centre` (2,) and `side` in pixels; `rotation` in radians, 0 for an upright person."""

    centre: Floats
    side: float
    rotation: float

    @staticmethod
    def around(hip: Floats, top: Floats) -> Region:
        """Return the region of a person with the hips at `hip` and the body's full extent at `top`, towards the head.

        The side is 2.5 times the distance between the two, as in MediaPipe (pose_detection_to_roi,
        pose_landmarks_to_roi).
        """
        x, y = top - hip
        rotation = math.pi / 2 - math.atan2(-y, x)
        return Region(hip, 2 * _ENLARGEMENT * math.hypot(x, y), math.remainder(rotation, 2 * math.pi))

    def matrix(self, size: int) -> Floats:
        """Return the affine matrix (2, 3) from pixels of the crop, `size` wide and high, to pixels of the picture."""
        scale = self.side / size
        cos, sin = math.cos(self.rotation) * scale, math.sin(self.rotation) * scale
        half = size / 2
        x, y = self.centre
        return np.array([[cos, -sin, x - half * (cos - sin)], [sin, cos, y - half * (sin + cos)]])

    def crop(self, rgb: Image, size: int) -> Image:
        """Return the region as an upright picture: (size, size, 3)."""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        crop = cv2.warpAffine(rgb, self.matrix(size), (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return crop.astype(np.uint8, copy=False)

    def project_mask(self, values: Floats, shape: tuple[int, ...]) -> Floats:
        """Return a mask of the crop, (size, size), in the picture's coordinates: (height, width), 0 elsewhere."""
        size = (shape[1], shape[0])
        projected = cv2.warpAffine(values, self.matrix(len(values)), size, flags=cv2.INTER_LINEAR)
        return projected.astype(np.float32, copy=False)

    def is_similar(self, other: Region) -> bool:
        """Return whether both have nearly the same centre and side."""
        distance = float(np.linalg.norm(self.centre - other.centre))
        return distance < _MAX_RELATIVE_SHIFT * self.side and abs(self.side / other.side - 1) < 2 * _MAX_RELATIVE_SHIFT

    def is_valid(self) -> bool:
        """Return whether the centre is finite, and the side more than 8 and less than 100,000 pixels."""
        return bool(np.isfinite(self.centre).all()) and _MIN_SIDE_PX < self.side < _MAX_SIDE_PX
