"""Where a camera stands in, its view matrix and the places of points in its picture out. OpenGL's conventions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.generators.couple.geometry import UP, Vector, Vectors, unit, vector

Matrix = NDArray[np.float64]  # (4, 4)
NEAR, FAR = 0.1, 40.0


@dataclass(frozen=True)
class Camera:
    """A camera at `place` that looks at `target`; `view_angle` is the height of the picture, in degrees."""

    place: Vector
    target: Vector
    view_angle: float
    aspect: float = 16 / 9

    def matrix(self) -> Matrix:
        """From the room to the picture."""
        matrix: Matrix = perspective(np.radians(self.view_angle), self.aspect) @ looking(self.place, self.target)
        return matrix

    def seen(self, points: Vectors) -> Vectors:
        """Points (n, 3) in shares of the picture's width and height, (n, 2), from the top left."""
        flat = np.c_[points, np.ones(len(points))] @ self.matrix().T
        return np.asarray(np.c_[0.5 + 0.5 * flat[:, 0] / flat[:, 3], 0.5 - 0.5 * flat[:, 1] / flat[:, 3]])


def perspective(angle: float, aspect: float) -> Matrix:
    """A perspective projection; `angle` is vertical, in radians."""
    scale = 1 / np.tan(angle / 2)
    matrix = np.zeros((4, 4))
    matrix[0, 0], matrix[1, 1] = scale / aspect, scale
    matrix[2, 2], matrix[2, 3] = (FAR + NEAR) / (NEAR - FAR), 2 * FAR * NEAR / (NEAR - FAR)
    matrix[3, 2] = -1
    return matrix


def parallel(half_width: float, near: float, far: float) -> Matrix:
    """A parallel projection of a square, for the light's shadow map."""
    matrix = np.diag([1 / half_width, 1 / half_width, -2 / (far - near), 1.0])
    matrix[2, 3] = -(far + near) / (far - near)
    return matrix


def looking(place: Vector, target: Vector) -> Matrix:
    """From the room to a camera at `place` that looks at `target`."""
    ahead = unit(target - place)
    right = unit(np.cross(ahead, UP))
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, np.cross(right, ahead), -ahead])
    matrix[:3, 3] = -matrix[:3, :3] @ place
    return matrix


DEMO_CAMERA = Camera(vector(0, 1.35, 6.4), vector(0, 0.93, 0), 20.5)
