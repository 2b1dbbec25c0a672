"""Build a shirt's turned-down collar, open in front, from a body's measures."""

from __future__ import annotations

import numpy as np

from data.generators.couple.body_measures import BodyMeasures, Numbers, softly
from data.generators.couple.cloth import PLAIN, Colour, Drawable, added_mesh, grid_faces
from data.generators.couple.geometry import Vectors, vector

START_ANGLE_RAD, VERTICES_PER_ROW = 0.30, 40  # the angle from straight ahead
BACK_HEIGHT_M, FRONT_DROP_M = 0.010, 0.064  # above the neck's root at the back, and how much lower in front
STAND_ROWS_M = ((0.004, -0.012), (0.007, 0.022), (0.013, 0.026))  # outwards and up, row by row to the fold
LEAF_ROWS_M = ((0.020, 0.004), (0.026, -0.014))  # from the fold down again
POINT_DROP_M, POINT_OFFSET_M = 0.030, 0.010  # of the leaf's points, down and outwards


def collar(m: BodyMeasures, colour: Colour) -> Drawable:
    """Return the collar to draw."""
    angles = np.linspace(START_ANGLE_RAD, 2 * np.pi - START_ANGLE_RAD, VERTICES_PER_ROW)
    ahead = (1 + np.cos(angles)) / 2
    heights, radii = m.neck + BACK_HEIGHT_M - FRONT_DROP_M * ahead, neck_radii(m, angles)
    point = POINT_DROP_M * softly(ahead, 0.72, 0.98)
    rows = [row(m, angles, radii + offset, heights + up) for offset, up in STAND_ROWS_M]
    rows += [row(m, angles, radii + offset, heights + up - point, POINT_OFFSET_M * ahead) for offset, up in LEAF_ROWS_M]
    points = np.concatenate(rows)
    faces = grid_faces(len(rows), VERTICES_PER_ROW, closed=False)
    return added_mesh(m.rest.role, points, faces, m.nearest("body", points), (PLAIN, colour))


def neck_radii(m: BodyMeasures, angles: Numbers) -> Numbers:
    """Return the neck's radius in each direction at the collar's lower edge, limited to a neck's size.

    The limit matters where the horizontal slice also contains the shoulders.
    """
    ahead = (1 + np.cos(angles)) / 2
    neck = m.skeleton.at("neck_01")
    middles = [vector(0, m.neck + BACK_HEIGHT_M - FRONT_DROP_M * share, neck[2] + 0.004) for share in ahead]
    found = [m.girth("body", middle, np.array([a]))[0] for middle, a in zip(middles, angles, strict=True)]
    radii = np.minimum(found, 0.047 + 0.020 * np.sin(angles) ** 2 + 0.045 * ahead)
    return np.convolve(np.pad(radii, 4, "edge"), np.full(9, 1 / 9), "valid")


def row(
    m: BodyMeasures, angles: Numbers, radii: Numbers, heights: Numbers, extra_radii: Numbers | float = 0.0
) -> Vectors:
    """Return one row of the collar around the neck."""
    middle = float(m.skeleton.at("neck_01")[2]) + 0.004
    return np.stack([np.sin(angles) * radii, heights, middle + np.cos(angles) * (radii + extra_radii)], axis=1)
