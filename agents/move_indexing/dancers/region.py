"""A square of a picture, turned so that the person in it stands upright: what the landmark network is shown."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from agents.arrays import Floats, Image

_ROOM = 1.25
_ALIKE = 0.06


@dataclass(frozen=True)
class Region:
    """`centre` (2,) and `side` in pixels; `turn` in radians, 0 where the person is upright."""

    centre: Floats
    side: float
    turn: float

    @staticmethod
    def around(hip: Floats, top: Floats) -> Region:
        """The region of a person whose hips are at `hip` and who reaches as far as `top`, on the head's side.

        As MediaPipe has it: twice that length and a quarter more (pose_detection_to_roi, pose_landmarks_to_roi).
        """
        x, y = top - hip
        turn = math.pi / 2 - math.atan2(-y, x)
        return Region(hip, 2 * _ROOM * math.hypot(x, y), math.remainder(turn, 2 * math.pi))

    def matrix(self, size: int) -> Floats:
        """(2, 3): from a pixel of the cut-out, `size` wide and high, to one of the picture."""
        scale = self.side / size
        cos, sin = math.cos(self.turn) * scale, math.sin(self.turn) * scale
        middle = size / 2
        x, y = self.centre
        return np.array([[cos, -sin, x - middle * (cos - sin)], [sin, cos, y - middle * (sin + cos)]])

    def cut_out(self, rgb: Image, size: int) -> Image:
        """The region as a picture of its own."""
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cut = cv2.warpAffine(rgb, self.matrix(size), (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return cut.astype(np.uint8, copy=False)

    def laid_back(self, values: Floats, shape: tuple[int, ...]) -> Floats:
        """A map of the cut-out, (size, size), back in the picture's place: (height, width), 0 around it."""
        size = (shape[1], shape[0])
        back = cv2.warpAffine(values, self.matrix(len(values)), size, flags=cv2.INTER_LINEAR)
        return back.astype(np.float32, copy=False)

    def is_like(self, other: Region) -> bool:
        """Whether both show much the same."""
        apart = float(np.linalg.norm(self.centre - other.centre))
        return apart < _ALIKE * self.side and abs(self.side / other.side - 1) < 2 * _ALIKE

    def is_sane(self) -> bool:
        """Whether there is something to look at: finite, and of more than a few pixels."""
        return bool(np.isfinite(self.centre).all()) and 8 < self.side < 1e5
