"""Build hair from a body's measures: ribbons rooted in the scalp, combed at rest; long ones hang as the head moves.

Arrays of strands have the shape (strands, knots, 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data.generators.couple.body_measures import BodyMeasures, Ellipsoid, Numbers, softly
from data.generators.couple.cloth import HAIR, Colour, Drawable, fixed_columns, grid_faces
from data.generators.couple.geometry import Vector, Vectors, about_y, vertex_normals
from data.generators.couple.skeleton import Bones, Skeleton
from data.generators.couple.sway import Spring

GOLDEN = (
    0.7548776662466927,
    0.5698402909980532,
    0.6180339887498949,
)  # steps of low-discrepancy sequences: evenly spread without random numbers
HAIRLINE_BACK = (
    -0.05,
    0.0,
    0.022,
    0.040,
    0.060,
    0.072,
    0.082,
    0.096,
    0.110,
    0.122,
    0.140,
    0.25,
)  # metres behind the eye
HAIRLINE = (
    0.064,
    0.061,
    0.060,
    0.050,
    0.026,
    -0.012,
    0.006,
    0.024,
    0.004,
    -0.030,
    -0.070,
    -0.094,
)  # metres above the eye
HIS_STRANDS, HER_STRANDS = 1300, 600
HIS_KNOTS, HER_KNOTS = 5, 16
HER_PARTING_X_M, HIS_PARTING_X_M = 0.022, 0.030
HER_LENGTH_M = 0.20  # below the neck's root
HANGS_BELOW_EYES_M = 0.14  # from here down her hair hangs freely


@dataclass(frozen=True)
class Roots:
    """Strand roots: positions and normals on the scalp, (n, 3), and three low-discrepancy numbers in 0-1, (n, 3)."""

    positions: Vectors
    normals: Vectors
    quasi_random: Vectors


def hairline(m: BodyMeasures) -> Numbers:
    """Return for each vertex of the body its height above the hairline; negative where no hair grows."""
    eye = m.eye("l")
    temples = 0.010 * softly(np.abs(m.x), 0.020, 0.045) * (eye[2] - m.z < 0.03)
    line = np.interp(eye[2] - m.z, HAIRLINE_BACK, HAIRLINE) + temples
    return np.where((m.y > eye[1] - 0.13) & (m.along_arm < 0), m.y - (eye[1] + line), -1.0)


def roots(m: BodyMeasures, count: int) -> Roots:
    """Return `count` roots, evenly spread over the scalp."""
    faces = m.rest.surfaces["body"]
    faces = faces[hairline(m)[faces].mean(axis=1) > 0]
    a, b, c = (m.rest.vertices[faces[:, corner]] for corner in range(3))
    areas = np.cumsum(np.linalg.norm(np.cross(b - a, c - a), axis=1))
    quasi_random = (np.arange(count)[:, None] * np.array(GOLDEN) + 0.5) % 1.0
    chosen = np.searchsorted(areas, (np.arange(count) + 0.5) / count * areas[-1])
    u, v = quasi_random[:, :1], quasi_random[:, 1:2]
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    a, b, c = a[chosen], b[chosen], c[chosen]
    normals: Vectors = vertex_normals(m.rest.vertices, m.rest.surfaces["body"])[faces[chosen]].mean(axis=1)
    return Roots(a + u * (b - a) + v * (c - a), normals, quasi_random)


@dataclass(frozen=True)
class Comb:
    """How strands are laid: lengths between knots (strands, knots - 1), the skull, and their heights above it."""

    steps: Numbers
    skull: Ellipsoid
    heights: Numbers


def combed(start: Vectors, first: Vectors, comb: Comb, direction_at: Callable[[Vectors], Vectors]) -> Vectors:
    """Return strands laid from `start` towards `first`, then along `direction_at(positions)`, outside the skull."""
    knots, heading = [start], first
    for index, step in enumerate(comb.steps.T):
        heights = comb.heights * min(3 * (index + 1) / comb.steps.shape[1], 1)
        heading = normalised(0.55 * heading + 0.45 * direction_at(knots[-1]))
        knots.append(outside(knots[-1] + heading * step[:, None], comb.skull.middle, comb.skull.radii, heights))
        heading = normalised(knots[-1] - knots[-2])
    return np.stack(knots, axis=1)


def normalised(vectors: Vectors) -> Vectors:
    """Return the same directions with length 1."""
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9))


def outside(positions: Vectors, middle: Vector, radii: Vector, above: Numbers) -> Vectors:
    """Return positions with those inside an ellipsoid moved to `above` metres over it."""
    grown = radii + above[..., None]
    inside = (positions - middle) / grown
    far = np.linalg.norm(inside, axis=-1, keepdims=True)
    return np.asarray(np.where(far < 1, middle + inside / np.maximum(far, 1e-6) * grown, positions))


def his_strands(m: BodyMeasures) -> tuple[Vectors, Numbers, Roots]:
    """Return a short cut: parted at his left, brushed across and up in front, faded at the sides and the nape."""
    grown, eye, skull = roots(m, HIS_STRANDS), m.eye("l"), m.skull()
    top = softly(grown.positions[:, 1] - eye[1], 0.045, 0.090)
    front = softly(grown.positions[:, 2] - eye[2], -0.055, -0.01) * top
    across = np.where(grown.positions[:, 0] > HIS_PARTING_X_M, 0.5, -0.75) * top
    first = np.stack([across, 0.12 + 0.40 * front - 0.8 * (1 - top), -0.45 - 0.1 * top + 0.25 * front], axis=1)
    length = (0.010 + 0.034 * top + 0.010 * front) * (0.8 + 0.4 * grown.quasi_random[:, 2])
    steps = np.repeat(length[:, None] / (HIS_KNOTS - 1), HIS_KNOTS - 1, axis=1)
    lie = np.stack([across * 0.8, -0.35 - 0.6 * (1 - top) + 0.25 * front, -0.55 + 0 * top], axis=1)
    heights = 0.002 + (0.012 * top + 0.008 * front) * (0.35 + grown.quasi_random[:, 0])
    comb = Comb(steps, skull, heights)
    strands = combed(grown.positions, normalised(0.75 * grown.normals + first), comb, lambda _: normalised(lie))
    return strands, 0.0046 + 0.0038 * top, grown


def her_strands(m: BodyMeasures) -> tuple[Vectors, Numbers, Roots]:
    """Return long hair: parted at her left, over the ears and behind the shoulders, in soft waves."""
    grown, eye, skull = roots(m, HER_STRANDS), m.eye("l"), m.skull()
    ear = eye[2] - 0.088
    behind = softly(ear + 0.01 - grown.positions[:, 2], 0.0, 0.05)
    parted = np.where(grown.positions[:, 0] > HER_PARTING_X_M, 1.0, -1.0)
    side = parted + (np.clip(grown.positions[:, 0] / 0.075, -1, 1) * 0.8 - parted) * behind

    def direction_at(positions: Vectors) -> Vectors:
        """Return the direction at each position: over the side of the head, back behind the ear, and down."""
        low = softly(eye[1] + 0.05 - positions[:, 1], 0.0, 0.10)
        back = np.clip((ear - positions[:, 2]) * 12, -1.5, 0.0) - 0.25 * (1 - low)
        out = side * 0.38 * (1 - low) - low * np.clip((np.abs(positions[:, 0]) - 0.085) * 6, 0.0, 0.5) * side
        return normalised(np.stack([out, -0.75 - 0.5 * low, back], axis=1))

    first = np.stack([side * 0.8, 0.12 - 0.5 * behind, -0.45 - 0 * side], axis=1)
    over = softly(grown.positions[:, 1] - eye[1], 0.0, 0.10)
    length = (1.05 * (grown.positions[:, 1] - m.neck + HER_LENGTH_M) + 0.10 * over) * (
        0.88 + 0.2 * grown.quasi_random[:, 2]
    )
    steps = np.repeat(length[:, None] / (HER_KNOTS - 1), HER_KNOTS - 1, axis=1)
    heights = 0.003 + 0.013 * grown.quasi_random[:, 0] * (
        0.15 + 0.85 * softly(np.abs(grown.positions[:, 0] - HER_PARTING_X_M), 0.0, 0.05)
    )
    strands = combed(
        grown.positions, normalised(0.5 * grown.normals + first), Comb(steps, skull, heights), direction_at
    )
    return waved(strands, grown), np.full(HER_STRANDS, 0.0135), grown


def waved(strands: Vectors, grown: Roots) -> Vectors:
    """Return the strands with waves that grow towards the tips; neighbours have similar phases."""
    share = np.linspace(0, 1, strands.shape[1])
    turn = (
        6.0 * np.arctan2(grown.positions[:, 0], 0.05 - grown.positions[:, 2])[:, None] * 0.35
        + grown.quasi_random[:, 1:2] * 1.2
    )
    size = 0.0085 * softly(share, 0.25, 0.8)
    wave = np.stack([np.sin(15 * share + turn), 0 * (share + turn), np.cos(13 * share + turn)], axis=2)
    return strands + wave * size[:, None]


class Hair:
    """One head of hair; for long hair it holds the state of its swing."""

    def __init__(self, measures: BodyMeasures) -> None:
        self.skeleton: Skeleton = measures.skeleton
        self.role = measures.rest.role
        self.strands, self.widths, self.roots = (his_strands if self.role == "lead" else her_strands)(measures)
        self.ellipsoids = (measures.skull(), measures.chest())
        self.source = measures.vertex_of_bone("head")
        self.hanging = self._hanging(float(measures.eye("l")[1]))
        self.sides, self.facing = self._ribbons()
        self.drift, self.twist = Spring(1.9, 0.40), Spring(1.8, 0.45)

    def _hanging(self, eye: float) -> Numbers:
        """Return for each segment of a strand how freely it hangs, 0-1."""
        heights = (self.strands[:, 1:, 1] + self.strands[:, :-1, 1]) / 2
        free: Numbers = (
            softly(eye - heights, -0.02, HANGS_BELOW_EYES_M) if self.role == "follow" else np.zeros(heights.shape)
        )
        return free

    def _ribbons(self) -> tuple[Vectors, Vectors]:
        """Return half-widths and outward directions of the ribbons at rest."""
        along = normalised(np.gradient(self.strands, axis=1))
        middle = self.ellipsoids[0].middle * (1, 0, 1) + np.minimum(self.strands, self.ellipsoids[0].middle) * (0, 1, 0)
        out = normalised(self.strands - middle)
        share = np.linspace(0, 1, self.strands.shape[1])
        tapered = (0.35 + 0.65 * softly(share, 0.0, 0.15)) * (1 - 0.75 * softly(share, 0.55, 1.0))
        sides = normalised(np.cross(along, out)) * (self.widths[:, None] * tapered)[:, :, None] / 2
        return sides, normalised(np.cross(sides, along))

    def drawable(self, colour: Colour) -> Drawable:
        """Return the ribbons to draw; their shader coordinates are (across, along, a number of the strand)."""
        count, knots = self.strands.shape[:2]
        one = grid_faces(knots, 2, closed=False)
        faces = (one[None] + (np.arange(count) * knots * 2)[:, None, None]).reshape(-1, 3).astype(np.int32)
        coordinates = np.zeros((count, knots, 2, 3))
        coordinates[..., 0] = (-1.0, 1.0)
        coordinates[..., 1] = np.linspace(0, 1, knots)[:, None]
        coordinates[..., 2] = self.roots.quasi_random[:, 2][:, None, None]
        flat = coordinates.reshape(-1, 3)
        return Drawable(
            vertices=self._both_edges(self.strands, self.sides),
            normals=self._edge_normals(self.facing, self.sides),
            fixed=fixed_columns(self.role, flat, np.ones(len(flat)), HAIR, colour),
            sources=np.full(len(flat), self.source),
            faces=faces,
        )

    @staticmethod
    def _both_edges(strands: Vectors, sides: Vectors) -> Vectors:
        return np.stack([strands - sides, strands + sides], axis=2).reshape(-1, 3)

    @staticmethod
    def _edge_normals(facing: Vectors, sides: Vectors) -> Vectors:
        """Return rounded normals, as if each ribbon were half a tube."""
        aside = normalised(sides) * 0.55
        return normalised(np.stack([facing - aside, facing + aside], axis=2)).reshape(-1, 3)

    def rest(self) -> None:
        """Reset the motion."""
        self.drift.rest()
        self.twist.rest()

    def moved(self, bones: Bones, heading: float) -> tuple[Vectors, Vectors]:
        """Return positions and normals (n, 3) of long hair one frame later."""
        number = self.skeleton.number["head"]
        head, position = bones.rotations[number], bones.positions[number]
        stiff = (self.strands - self.skeleton.at("head")) @ head.T + position
        parts = self._parts(stiff, position, heading)
        strands = np.concatenate([stiff[:, :1], stiff[:, :1] + np.cumsum(parts, axis=1)], axis=1)
        for ellipsoid in self.ellipsoids:
            strands = self._outside(ellipsoid, strands, bones)
        sides = self.sides @ head.T
        return self._both_edges(strands, sides), self._edge_normals(self.facing @ head.T, sides)

    def _parts(self, stiff: Vectors, position: Vector, heading: float) -> Vectors:
        """Return the segments of the strands, (strands, knots - 1, 3).

        They are between moving with the head and hanging by their weight, delayed by their swing.
        """
        drift = np.clip(self.drift.follow(position), -0.10, 0.10) * (1.0, 0.4, 1.0)
        twist = heading + float(np.clip(self.twist.follow(np.array([heading])), -0.9, 0.9)[0])
        part, rest = np.diff(stiff, axis=1), np.diff(self.strands, axis=1)
        length = np.linalg.norm(part, axis=2, keepdims=True)
        free = self.hanging[:, :, None]
        loose = normalised(rest @ about_y(twist).T + length * drift * 6.0)
        return np.asarray(normalised(normalised(part) * (1 - free) + loose * free) * length)

    def _outside(self, ellipsoid: Ellipsoid, strands: Vectors, bones: Bones) -> Vectors:
        """Return the strands moved outside the skull or the back."""
        number = self.skeleton.number[ellipsoid.bone]
        turned, position = bones.rotations[number], bones.positions[number]
        middle = ellipsoid.middle - self.skeleton.at(ellipsoid.bone)
        above = np.broadcast_to((0.004 + 0.012 * self.roots.quasi_random[:, 0])[:, None], strands.shape[:2])
        local = outside((strands - position) @ turned, middle, ellipsoid.radii, above)
        local[:, 0] = ((strands - position) @ turned)[:, 0]
        positions_outside: Vectors = local @ turned.T + position
        return positions_outside
