"""Compute a camera's matrices and project points into its picture, in OpenGL's conventions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.generators.couple.geometry import UP, Vector, Vectors, unit, vector

Matrix = NDArray[np.float64]  # (4, 4)
NEAR, FAR = 0.1, 40.0


@dataclass(frozen=True)
class Camera:
    """A camera at `position`, directed at `target`; `view_angle` is its vertical field of view, in degrees."""

    position: Vector
    target: Vector
    view_angle: float
    aspect: float = 16 / 9

    def matrix(self) -> Matrix:
        """Return the matrix from world to clip coordinates."""
        matrix: Matrix = perspective(np.radians(self.view_angle), self.aspect) @ view_matrix(self.position, self.target)
        return matrix

    def project(self, points: Vectors) -> Vectors:
        """Return points (n, 3) in fractions of the picture's width and height, (n, 2), from the top left."""
        flat = np.c_[points, np.ones(len(points))] @ self.matrix().T
        return np.asarray(np.c_[0.5 + 0.5 * flat[:, 0] / flat[:, 3], 0.5 - 0.5 * flat[:, 1] / flat[:, 3]])


def perspective(angle: float, aspect: float) -> Matrix:
    """Return a perspective projection; `angle` is the vertical field of view, in radians."""
    scale = 1 / np.tan(angle / 2)
    matrix = np.zeros((4, 4))
    matrix[0, 0], matrix[1, 1] = scale / aspect, scale
    matrix[2, 2], matrix[2, 3] = (FAR + NEAR) / (NEAR - FAR), 2 * FAR * NEAR / (NEAR - FAR)
    matrix[3, 2] = -1
    return matrix


def parallel(half_width: float, near: float, far: float) -> Matrix:
    """Return a parallel projection of a square, for the light's shadow map."""
    matrix = np.diag([1 / half_width, 1 / half_width, -2 / (far - near), 1.0])
    matrix[2, 3] = -(far + near) / (far - near)
    return matrix


def view_matrix(position: Vector, target: Vector) -> Matrix:
    """Return the matrix from world to camera coordinates, for a camera at `position` directed at `target`."""
    ahead = unit(target - position)
    right = unit(np.cross(ahead, UP))
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, np.cross(right, ahead), -ahead])
    matrix[:3, 3] = -matrix[:3, :3] @ position
    return matrix


DEMO_CAMERA = Camera(vector(0, 1.35, 6.4), vector(0, 0.93, 0), 20.5)
