"""Build shoes from a body's measures: cut round the feet, hers low at the instep and on heels."""

from __future__ import annotations

import numpy as np

from data.generators.couple.body_measures import BodyMeasures
from data.generators.couple.cloth import PLAIN, SHOE, Colour, Drawable, Piece, added_mesh, cut_out, grid_faces
from data.generators.couple.geometry import Vector, Vectors, vector
from data.generators.couple.skeleton import SIDES, foot_rotation
from data.generators.couple.stance import SOLE_M

HEEL_RADII_M = (0.023, 0.015, 0.0095, 0.0085)  # from the foot to the floor
HEEL_BEHIND_M = 0.004  # the ankle
CORNERS = 12


def his_shoes(m: BodyMeasures, colour: Colour) -> list[Drawable]:
    """Return laced shoes, closed to the ankle."""
    cut = np.where(m.along_arm > 0.02, -1.0, 0.105 - m.y)
    return [cut_out(m.rest, Piece("tights", cut, SHOE, colour, SOLE_M))]


def her_shoes(m: BodyMeasures, colour: Colour) -> list[Drawable]:
    """Return pumps."""
    ankle = float(m.skeleton.at("foot_l")[2])
    line = np.interp(m.z - ankle, [-0.05, -0.01, 0.03, 0.085, 0.115, 0.16], [0.066, 0.054, 0.027, 0.024, 0.045, 0.06])
    cut = np.where(m.along_arm > 0.02, -1.0, line - m.y)
    return [
        cut_out(m.rest, Piece("tights", cut, SHOE, colour, SOLE_M * 0.8)),
        *(heel(m, side, colour) for side in SIDES),
    ]


def heel(m: BodyMeasures, side: str, colour: Colour) -> Drawable:
    """Return the heel under one foot, as high as the lifted foot requires."""
    ball, ankle = m.skeleton.at(f"ball_{side}"), m.skeleton.at(f"foot_{side}")
    top = vector(ankle[0], 0.004, ankle[2] - HEEL_BEHIND_M)
    lifted = foot_rotation(0.0, m.skeleton.heel_pitch, m.skeleton.toes_out[side])
    height = float(ball[1] + SOLE_M + (lifted @ (top - ball))[1])
    points = rings(top, lifted.T @ vector(0, -height, 0), HEEL_RADII_M)
    sources = np.full(len(points), m.vertex_of_bone(f"foot_{side}"))
    return added_mesh(
        m.rest.role, points, grid_faces(len(HEEL_RADII_M), CORNERS, closed=True), sources, (PLAIN, colour)
    )


def rings(start: Vector, along: Vector, radii: tuple[float, ...]) -> Vectors:
    """Return points of a round leg from `start` along a vector, with the given `radii`."""
    angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    circle = np.stack([np.sin(angles), np.zeros(CORNERS), np.cos(angles)], axis=1)
    shares = (0.0, 0.35, 0.75, 1.0)
    return np.concatenate([start + along * share + circle * r for share, r in zip(shares, radii, strict=True)])
