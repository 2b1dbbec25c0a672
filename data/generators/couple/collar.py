"""A body's measures in, a shirt's turned-down collar out, open in front."""

from __future__ import annotations

import numpy as np

from data.generators.couple.cloth import PLAIN, Colour, Drawable, grid_faces, made
from data.generators.couple.geometry import Vectors, vector
from data.generators.couple.tailor import Numbers, Tailor, softly

BEGINS, PARTS = 0.30, 40  # radians from straight ahead
BACK, DIPS = 0.010, 0.064  # above the neck's root behind, and how much lower in front, metres
STAND = ((0.004, -0.012), (0.007, 0.022), (0.013, 0.026))  # off the neck and up, row by row to the fold
LEAF = ((0.020, 0.004), (0.026, -0.014))  # and from the fold down again
POINT, JUTS = 0.030, 0.010  # how far the leaf's points hang down, and stand off


def collar(m: Tailor, colour: Colour) -> Drawable:
    """The collar to draw."""
    angles = np.linspace(BEGINS, 2 * np.pi - BEGINS, PARTS)
    ahead = (1 + np.cos(angles)) / 2
    heights, radii = m.neck + BACK - DIPS * ahead, neck_radii(m, angles)
    point = POINT * softly(ahead, 0.72, 0.98)
    rows = [row(m, angles, radii + off, heights + up) for off, up in STAND]
    rows += [row(m, angles, radii + off, heights + up - point, JUTS * ahead) for off, up in LEAF]
    points = np.concatenate(rows)
    faces = grid_faces(len(rows), PARTS, closed=False)
    return made(m.rest.who, points, faces, m.nearest("body", points), (PLAIN, colour))


def neck_radii(m: Tailor, angles: Numbers) -> Numbers:
    """The neck's width in each direction, where the collar begins; no wider than a neck, whatever the shoulders do."""
    ahead = (1 + np.cos(angles)) / 2
    neck = m.skeleton.at("neck_01")
    middles = [vector(0, m.neck + BACK - DIPS * share, neck[2] + 0.004) for share in ahead]
    found = [m.girth("body", middle, np.array([a]))[0] for middle, a in zip(middles, angles, strict=True)]
    radii = np.minimum(found, 0.047 + 0.020 * np.sin(angles) ** 2 + 0.045 * ahead)
    return np.convolve(np.pad(radii, 4, "edge"), np.full(9, 1 / 9), "valid")


def row(m: Tailor, angles: Numbers, radii: Numbers, heights: Numbers, juts: Numbers | float = 0.0) -> Vectors:
    """One row of the collar round the neck."""
    middle = float(m.skeleton.at("neck_01")[2]) + 0.004
    return np.stack([np.sin(angles) * radii, heights, middle + np.cos(angles) * (radii + juts)], axis=1)
