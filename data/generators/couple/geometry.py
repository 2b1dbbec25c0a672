"""Shared geometry: vectors, rotations and easing.

Metres, radians; y points up. Rotations are (3, 3) arrays that turn column vectors.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]  # (3,)
JOINT_UNITS = 65535  # per picture width and height, in joints.npz
Vectors = NDArray[np.float64]  # (n, 3), unless stated otherwise
Rotation = NDArray[np.float64]  # (3, 3)
Faces = NDArray[np.int32]  # (n, 3): triangles of vertex numbers

UP: Vector = np.array([0.0, 1.0, 0.0])
AHEAD: Vector = np.array([0.0, 0.0, 1.0])


def vector(x: float, y: float, z: float) -> Vector:
    """Return three numbers as a vector."""
    return np.array([x, y, z], dtype=np.float64)


def cross(a: Vector, b: Vector) -> Vector:
    """Return the cross product of two vectors; `np.cross`, which takes arrays of them, needs ten times as long."""
    (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def unit(v: Vector) -> Vector:
    """Return the same direction with length 1; a null vector stays null."""
    direction: Vector = v / (sqrt(v.dot(v)) + 1e-12)
    return direction


def about_x(angle: float) -> Rotation:
    """Return a nod: positive tips +y towards +z."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def about_y(angle: float) -> Rotation:
    """Return a yaw: positive turns +z towards +x."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def about_z(angle: float) -> Rotation:
    """Return a lean: positive turns +x towards +y."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def about(axis: Vector, angle: float) -> Rotation:
    """Return a rotation about any axis (Rodrigues' formula)."""
    x, y, z = unit(axis)
    product = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turned: Rotation = np.eye(3) + np.sin(angle) * product + (1 - np.cos(angle)) * product @ product
    return turned


def axes(along: Vector, beside: Vector) -> Rotation:
    """Return the right-handed frame whose first axis is `along` and whose second is nearest to `beside`."""
    first = unit(along)
    second = unit(beside - first * np.dot(first, beside))
    return np.stack([first, second, cross(first, second)], axis=1)


def angle_about(axis: Vector, start: Vector, end: Vector) -> float:
    """Return the turn about `axis` that brings `start` nearest to `end`, within +-pi."""
    a = unit(axis)
    s, e = start - a * np.dot(a, start), end - a * np.dot(a, end)
    return float(np.arctan2(np.dot(a, cross(s, e)), np.dot(s, e)))


def within_pi(angle: float) -> float:
    """Return the same direction, within +-pi."""
    return float((angle + np.pi) % (2 * np.pi) - np.pi)


def eased(x: float) -> float:
    """Return 0 before 0, 1 after 1, smootherstep between (6x^5 - 15x^4 + 10x^3), whose slope is 0 at both ends."""
    t = min(max(x, 0.0), 1.0)
    return min(t * t * t * (t * (6 * t - 15) + 10), 1.0)  # rounding may exceed 1, of which no arc sine exists


def within_reach(target: Vector, centre: Vector, nearest: float, farthest: float) -> Vector:
    """Return `target` moved along its ray from `centre` to a distance between `nearest` and `farthest`."""
    ray = target - centre
    distance = float(np.linalg.norm(ray))
    return centre + ray / max(distance, 1e-6) * min(max(distance, nearest), farthest)


def within_angle(start: Vector, end: Vector, max_angle: float) -> Vector:
    """Return the direction of `end`, or the one nearest to it that is within `max_angle` radians of `start`."""
    a, b = unit(start), unit(end)
    angle = float(np.arccos(np.clip(np.dot(a, b), -1.0, 1.0)))
    beside = unit(b - a * np.dot(a, b))
    allowed = min(angle, max_angle)
    direction: Vector = np.cos(allowed) * a + np.sin(allowed) * beside
    return direction


def vertex_normals(vertices: Vectors, faces: Faces) -> Vectors:
    """Return area-weighted unit normals of a triangle mesh, one per vertex."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    face = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], face)
    return np.asarray(normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12))
