"""A body's measures in, hair out: ribbons rooted in the scalp, combed once at rest, the long ones hanging as it moves.

Arrays of strands have the shape (strands, knots, 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data.generators.couple.cloth import HAIR, Colour, Drawable, fixed_columns, grid_faces
from data.generators.couple.geometry import Vector, Vectors, about_y, vertex_normals
from data.generators.couple.skeleton import Bones, Skeleton
from data.generators.couple.sway import Spring
from data.generators.couple.tailor import Egg, Numbers, Tailor, softly

GOLDEN = (0.7548776662466927, 0.5698402909980532, 0.6180339887498949)  # low-discrepancy steps: even, and no dice
HAIRLINE_BACK = (-0.05, 0.0, 0.022, 0.040, 0.060, 0.072, 0.082, 0.096, 0.110, 0.122, 0.140, 0.25)  # behind the eye
HAIRLINE = (0.064, 0.061, 0.060, 0.050, 0.026, -0.012, 0.006, 0.024, 0.004, -0.030, -0.070, -0.094)  # above the eye
HIS, HERS = 1300, 600
HIS_KNOTS, HER_KNOTS = 5, 16
HER_PART, HIS_PART = 0.022, 0.030
HER_LENGTH = 0.20  # below the neck's root, metres
HANG = 0.14  # metres below the eyes at which her hair hangs wholly free


@dataclass(frozen=True)
class Roots:
    """Where strands begin: places and normals on the scalp, (n, 3), and three even numbers of each in 0-1, (n, 3)."""

    places: Vectors
    normals: Vectors
    dice: Vectors


def hairline(m: Tailor) -> Numbers:
    """Per vertex of the body how far it is above the hairline; negative where no hair grows."""
    eye = m.eye("l")
    temples = 0.010 * softly(np.abs(m.x), 0.020, 0.045) * (eye[2] - m.z < 0.03)
    line = np.interp(eye[2] - m.z, HAIRLINE_BACK, HAIRLINE) + temples
    return np.where((m.y > eye[1] - 0.13) & (m.along_arm < 0), m.y - (eye[1] + line), -1.0)


def roots(m: Tailor, count: int) -> Roots:
    """Evenly spread over the scalp."""
    faces = m.rest.surfaces["body"]
    faces = faces[hairline(m)[faces].mean(axis=1) > 0]
    a, b, c = (m.rest.vertices[faces[:, corner]] for corner in range(3))
    areas = np.cumsum(np.linalg.norm(np.cross(b - a, c - a), axis=1))
    dice = (np.arange(count)[:, None] * np.array(GOLDEN) + 0.5) % 1.0
    chosen = np.searchsorted(areas, (np.arange(count) + 0.5) / count * areas[-1])
    u, v = dice[:, :1], dice[:, 1:2]
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    a, b, c = a[chosen], b[chosen], c[chosen]
    normals: Vectors = vertex_normals(m.rest.vertices, m.rest.surfaces["body"])[faces[chosen]].mean(axis=1)
    return Roots(a + u * (b - a) + v * (c - a), normals, dice)


@dataclass(frozen=True)
class Comb:
    """How strands are laid: lengths between knots (strands, knots - 1), on which skull, how far above it each."""

    steps: Numbers
    skull: Egg
    high: Numbers


def combed(start: Vectors, first: Vectors, comb: Comb, way: Callable[[Vectors], Vectors]) -> Vectors:
    """Strands laid from `start` in the direction `first`, then as `way(places)` says, kept off the skull."""
    knots, heading = [start], first
    for index, step in enumerate(comb.steps.T):
        high = comb.high * min(3 * (index + 1) / comb.steps.shape[1], 1)
        heading = normalised(0.55 * heading + 0.45 * way(knots[-1]))
        knots.append(outside(knots[-1] + heading * step[:, None], comb.skull.middle, comb.skull.radii, high))
        heading = normalised(knots[-1] - knots[-2])
    return np.stack(knots, axis=1)


def normalised(vectors: Vectors) -> Vectors:
    """The same directions, length 1."""
    return np.asarray(vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-9))


def outside(places: Vectors, middle: Vector, radii: Vector, above: Numbers) -> Vectors:
    """Places that are inside an ellipsoid moved to `above` metres over it."""
    grown = radii + above[..., None]
    inside = (places - middle) / grown
    far = np.linalg.norm(inside, axis=-1, keepdims=True)
    return np.asarray(np.where(far < 1, middle + inside / np.maximum(far, 1e-6) * grown, places))


def his_strands(m: Tailor) -> tuple[Vectors, Numbers, Roots]:
    """A short cut: parted at his left, brushed across and up in front, faded at the sides and the nape."""
    grown, eye, skull = roots(m, HIS), m.eye("l"), m.skull()
    top = softly(grown.places[:, 1] - eye[1], 0.045, 0.090)
    front = softly(grown.places[:, 2] - eye[2], -0.055, -0.01) * top
    across = np.where(grown.places[:, 0] > HIS_PART, 0.5, -0.75) * top
    first = np.stack([across, 0.12 + 0.40 * front - 0.8 * (1 - top), -0.45 - 0.1 * top + 0.25 * front], axis=1)
    length = (0.010 + 0.034 * top + 0.010 * front) * (0.8 + 0.4 * grown.dice[:, 2])
    steps = np.repeat(length[:, None] / (HIS_KNOTS - 1), HIS_KNOTS - 1, axis=1)
    lie = np.stack([across * 0.8, -0.35 - 0.6 * (1 - top) + 0.25 * front, -0.55 + 0 * top], axis=1)
    high = 0.002 + (0.012 * top + 0.008 * front) * (0.35 + grown.dice[:, 0])
    comb = Comb(steps, skull, high)
    strands = combed(grown.places, normalised(0.75 * grown.normals + first), comb, lambda _: normalised(lie))
    return strands, 0.0046 + 0.0038 * top, grown


def her_strands(m: Tailor) -> tuple[Vectors, Numbers, Roots]:
    """Long hair: parted at her left, over the ears and behind the shoulders, in soft waves."""
    grown, eye, skull = roots(m, HERS), m.eye("l"), m.skull()
    ear = eye[2] - 0.088
    behind = softly(ear + 0.01 - grown.places[:, 2], 0.0, 0.05)
    parted = np.where(grown.places[:, 0] > HER_PART, 1.0, -1.0)
    side = parted + (np.clip(grown.places[:, 0] / 0.075, -1, 1) * 0.8 - parted) * behind

    def way(places: Vectors) -> Vectors:
        """Over the side of the head, back behind the ear, and down."""
        low = softly(eye[1] + 0.05 - places[:, 1], 0.0, 0.10)
        back = np.clip((ear - places[:, 2]) * 12, -1.5, 0.0) - 0.25 * (1 - low)
        out = side * 0.38 * (1 - low) - low * np.clip((np.abs(places[:, 0]) - 0.085) * 6, 0.0, 0.5) * side
        return normalised(np.stack([out, -0.75 - 0.5 * low, back], axis=1))

    first = np.stack([side * 0.8, 0.12 - 0.5 * behind, -0.45 - 0 * side], axis=1)
    over = softly(grown.places[:, 1] - eye[1], 0.0, 0.10)
    length = (1.05 * (grown.places[:, 1] - m.neck + HER_LENGTH) + 0.10 * over) * (0.88 + 0.2 * grown.dice[:, 2])
    steps = np.repeat(length[:, None] / (HER_KNOTS - 1), HER_KNOTS - 1, axis=1)
    high = 0.003 + 0.013 * grown.dice[:, 0] * (0.15 + 0.85 * softly(np.abs(grown.places[:, 0] - HER_PART), 0.0, 0.05))
    strands = combed(grown.places, normalised(0.5 * grown.normals + first), Comb(steps, skull, high), way)
    return waved(strands, grown), np.full(HERS, 0.0135), grown


def waved(strands: Vectors, grown: Roots) -> Vectors:
    """The strands with waves that grow towards the tips; neighbours wave together."""
    share = np.linspace(0, 1, strands.shape[1])
    turn = 6.0 * np.arctan2(grown.places[:, 0], 0.05 - grown.places[:, 2])[:, None] * 0.35 + grown.dice[:, 1:2] * 1.2
    size = 0.0085 * softly(share, 0.25, 0.8)
    wave = np.stack([np.sin(15 * share + turn), 0 * (share + turn), np.cos(13 * share + turn)], axis=2)
    return strands + wave * size[:, None]


class Hair:
    """One head of hair; long hair remembers how it swings."""

    def __init__(self, tailor: Tailor) -> None:
        self.skeleton: Skeleton = tailor.skeleton
        self.who = tailor.rest.who
        self.strands, self.widths, self.roots = (his_strands if self.who == "lead" else her_strands)(tailor)
        self.eggs = (tailor.skull(), tailor.chest())
        self.source = tailor.held_by("head")
        self.hanging = self._hanging(float(tailor.eye("l")[1]))
        self.sides, self.facing = self._ribbons()
        self.drift, self.twist = Spring(1.9, 0.40), Spring(1.8, 0.45)

    def _hanging(self, eye: float) -> Numbers:
        """Per part of a strand how freely it hangs."""
        heights = (self.strands[:, 1:, 1] + self.strands[:, :-1, 1]) / 2
        free: Numbers = softly(eye - heights, -0.02, HANG) if self.who == "follow" else np.zeros(heights.shape)
        return free

    def _ribbons(self) -> tuple[Vectors, Vectors]:
        """Half-widths and outward directions of the ribbons at rest."""
        along = normalised(np.gradient(self.strands, axis=1))
        middle = self.eggs[0].middle * (1, 0, 1) + np.minimum(self.strands, self.eggs[0].middle) * (0, 1, 0)
        out = normalised(self.strands - middle)
        share = np.linspace(0, 1, self.strands.shape[1])
        tapered = (0.35 + 0.65 * softly(share, 0.0, 0.15)) * (1 - 0.75 * softly(share, 0.55, 1.0))
        sides = normalised(np.cross(along, out)) * (self.widths[:, None] * tapered)[:, :, None] / 2
        return sides, normalised(np.cross(sides, along))

    def drawable(self, colour: Colour) -> Drawable:
        """The ribbons to draw; the shader sees (across, along, a number of the strand's own)."""
        count, knots = self.strands.shape[:2]
        one = grid_faces(knots, 2, closed=False)
        faces = (one[None] + (np.arange(count) * knots * 2)[:, None, None]).reshape(-1, 3).astype(np.int32)
        seen = np.zeros((count, knots, 2, 3))
        seen[..., 0] = (-1.0, 1.0)
        seen[..., 1] = np.linspace(0, 1, knots)[:, None]
        seen[..., 2] = self.roots.dice[:, 2][:, None, None]
        flat = seen.reshape(-1, 3)
        return Drawable(
            vertices=self._both_edges(self.strands, self.sides),
            normals=self._edge_normals(self.facing, self.sides),
            fixed=fixed_columns(self.who, flat, np.ones(len(flat)), HAIR, colour),
            sources=np.full(len(flat), self.source),
            faces=faces,
        )

    @staticmethod
    def _both_edges(strands: Vectors, sides: Vectors) -> Vectors:
        return np.stack([strands - sides, strands + sides], axis=2).reshape(-1, 3)

    @staticmethod
    def _edge_normals(facing: Vectors, sides: Vectors) -> Vectors:
        """Rounded: as if each ribbon were half a tube."""
        aside = normalised(sides) * 0.55
        return normalised(np.stack([facing - aside, facing + aside], axis=2)).reshape(-1, 3)

    def rest(self) -> None:
        """Forget the motion."""
        self.drift.rest()
        self.twist.rest()

    def moved(self, bones: Bones, heading: float) -> tuple[Vectors, Vectors]:
        """Places and normals (n, 3) of long hair a frame later."""
        number = self.skeleton.number["head"]
        head, place = bones.rotations[number], bones.places[number]
        stiff = (self.strands - self.skeleton.at("head")) @ head.T + place
        parts = self._parts(stiff, place, heading)
        strands = np.concatenate([stiff[:, :1], stiff[:, :1] + np.cumsum(parts, axis=1)], axis=1)
        for egg in self.eggs:
            strands = self._off(egg, strands, bones)
        sides = self.sides @ head.T
        return self._both_edges(strands, sides), self._edge_normals(self.facing @ head.T, sides)

    def _parts(self, stiff: Vectors, place: Vector, heading: float) -> Vectors:
        """The strands' parts, between moving with the head and hanging by their weight, drawn behind by their swing."""
        drift = np.clip(self.drift.follow(place), -0.10, 0.10) * (1.0, 0.4, 1.0)
        twist = heading + float(np.clip(self.twist.follow(np.array([heading])), -0.9, 0.9)[0])
        part, rest = np.diff(stiff, axis=1), np.diff(self.strands, axis=1)
        length = np.linalg.norm(part, axis=2, keepdims=True)
        free = self.hanging[:, :, None]
        loose = normalised(rest @ about_y(twist).T + length * drift * 6.0)
        return np.asarray(normalised(normalised(part) * (1 - free) + loose * free) * length)

    def _off(self, egg: Egg, strands: Vectors, bones: Bones) -> Vectors:
        """The strands kept off the skull or the back."""
        number = self.skeleton.number[egg.bone]
        turned, place = bones.rotations[number], bones.places[number]
        middle = egg.middle - self.skeleton.at(egg.bone)
        above = np.broadcast_to((0.004 + 0.012 * self.roots.dice[:, 0])[:, None], strands.shape[:2])
        local = outside((strands - place) @ turned, middle, egg.radii, above)
        local[:, 0] = ((strands - place) @ turned)[:, 0]
        kept: Vectors = local @ turned.T + place
        return kept
