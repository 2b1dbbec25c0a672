"""Build a flared skirt that hangs from the hips, swings with the turns and stays outside the legs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.generators.couple.body_measures import BodyMeasures, Numbers, softly
from data.generators.couple.cloth import DRESS, FOLLOW_MATERIAL_OFFSET, PLAIN, Colour, Drawable, added_mesh, grid_faces
from data.generators.couple.geometry import Vectors, about_y, vector
from data.generators.couple.skeleton import Bones, Skeleton
from data.generators.couple.sway import Spring

RINGS, RING_VERTICES = 26, 84
ABOVE_HIP_M, BELOW_KNEE_M, SASH_RINGS = 0.118, 0.015, 3
EASE_M, SASH_EASE_M = 0.010, 0.016  # between the body and the cloth
FLARE_M, FOLDS, FOLD_DEPTH_M = 0.070, 9, 0.017
WAIST_SHARE = 0.30  # of the length: the upper part, where the cloth moves with the body
HANGING_SHARE = 0.85  # at the hem: 1 hangs, 0 tilts with the hips
LEG_RADII_M = {"thigh": (0.113, 0.076), "calf": (0.084, 0.055)}
LEG_MARGIN = 0.3  # of a bone's height: how far above and below the bone the leg has width
MAX_INWARD_M, MAX_STRETCH_M = 0.004, 0.014  # from ring to ring, downwards and upwards
SPREAD_PER_RAD_S = 0.020  # of the radius, per radian per second of spin
MAX_SPREAD = 0.30  # of the radius


class Skirt:
    """The skirt, with the state of its swing."""

    def __init__(self, measures: BodyMeasures) -> None:
        self.skeleton: Skeleton = measures.skeleton
        self.down = np.linspace(0, 1, RINGS)
        self.angles = np.linspace(0, 2 * np.pi, RING_VERTICES, endpoint=False)
        self.rest_shape = self._rest_shape(measures)
        self.sources = measures.nearest("tights", (self.rest_shape + self.skeleton.at("pelvis")).reshape(-1, 3))
        self.drift, self.twist = Spring(1.7, 0.45), Spring(1.6, 0.42)

    def _rest_shape(self, measures: BodyMeasures) -> Vectors:
        """Return the skirt at rest, (rings, vertices of a ring, 3) from the pelvis."""
        pelvis = self.skeleton.at("pelvis")
        heights = np.linspace(measures.hip + ABOVE_HIP_M, measures.knee - BELOW_KNEE_M, RINGS)
        radii = np.array([measures.girth("tights", vector(0, y, pelvis[2]), self.angles) for y in heights])
        radii[: SASH_RINGS + 1] = [self._oval(row) for row in radii[: SASH_RINGS + 1]]
        radii[SASH_RINGS:] = np.maximum.accumulate(radii[SASH_RINGS:], axis=0)
        radii = smooth_around(radii) + np.where(np.arange(RINGS) <= SASH_RINGS, SASH_EASE_M, EASE_M)[:, None]
        low = softly(self.down, 0.15, 1.0)[:, None]
        radii = radii + low * (FLARE_M + FOLD_DEPTH_M * np.sin(FOLDS * self.angles + 2.2 * np.sin(self.angles)))
        level = radii * np.sin(self.angles), radii * np.cos(self.angles)
        return np.stack([level[0], np.broadcast_to((heights - pelvis[1])[:, None], radii.shape), level[1]], axis=2)

    def _oval(self, reach: Numbers) -> Numbers:
        """Return the radii of two half ovals with the body's extent in front, behind and at the sides."""
        quarter = RING_VERTICES // 4
        deep = np.where(np.cos(self.angles) > 0, reach[0], reach[2 * quarter])
        aside = (reach[quarter] + reach[3 * quarter]) / 2
        radii: Numbers = 1 / np.sqrt((np.sin(self.angles) / aside) ** 2 + (np.cos(self.angles) / deep) ** 2)
        return radii

    def drawable(self, colour: Colour, trim: Colour) -> Drawable:
        """Return the skirt to draw, with a sash and a hem of another colour."""
        faces = grid_faces(RINGS, RING_VERTICES, closed=True)
        points = (self.rest_shape + self.skeleton.at("pelvis")).reshape(-1, 3)
        drawn = added_mesh("follow", points, faces, self.sources, (DRESS, colour))
        drawn.fixed[: SASH_RINGS * RING_VERTICES, 4:] = (PLAIN + FOLLOW_MATERIAL_OFFSET, *trim)
        drawn.fixed[-2 * RING_VERTICES :, 5:] = trim
        return drawn

    def rest(self) -> None:
        """Reset the motion."""
        self.drift.rest()
        self.twist.rest()

    def moved(self, skinned: NDArray[np.float32], bones: Bones, heading: float) -> tuple[Vectors, Vectors]:
        """Return positions and normals (n, 3) one frame later; `skinned` are positions of cloth fixed to the body."""
        hips = bones.positions[self.skeleton.number["pelvis"]]
        drift = self.drift.follow(hips * (1.0, 0.0, 1.0))
        twist = float(self.twist.follow(np.array([heading]))[0])
        hung = self._hung(bones, heading + twist, abs(float(self.twist.speed[0])))
        hung = hung + np.clip(drift, -0.12, 0.12) * (self.down**2)[:, None, None]
        waist = softly(self.down, 0.06, WAIST_SHARE)[:, None, None]
        cloth = skinned.reshape(hung.shape) * (1 - waist) + hung * waist
        cloth = self._outside_legs(cloth, bones)
        return cloth.reshape(-1, 3), grid_normals(cloth)

    def _hung(self, bones: Bones, heading: float, spin: float) -> Vectors:
        """Return the cloth between tilting with the hips (top) and hanging by its weight (hem), widened by a spin."""
        number = self.skeleton.number["pelvis"]
        spread = min(SPREAD_PER_RAD_S * spin, MAX_SPREAD) * softly(self.down, 0.1, 1.0)[:, None]
        local = self.rest_shape * np.stack([1 + spread, 1 - 0.22 * spread, 1 + spread], axis=2)
        loose = (HANGING_SHARE * softly(self.down, 0.0, 0.8))[:, None, None]
        tilted, hanging = local @ bones.rotations[number].T, local @ about_y(heading).T
        placed: Vectors = bones.positions[number] + tilted * (1 - loose) + hanging * loose
        return placed

    def _outside_legs(self, cloth: Vectors, bones: Bones) -> Vectors:
        """Return the cloth moved outwards until both legs are inside, like a taut band around them."""
        middle = cloth.mean(axis=1, keepdims=True)
        out = (cloth - middle) * (1.0, 0.0, 1.0)
        radius = np.linalg.norm(out, axis=2)
        outward = out / radius[:, :, None]
        needs = [self._needed(bone, cloth, middle, outward, bones) for bone in self._legs()]
        needed: Numbers = np.stack(needs).max(axis=0)
        low = softly(self.down, 0.03, 0.16)[:, None]
        wide = draped(np.maximum(smooth_around(needed) * low, radius))
        grown: Vectors = cloth + outward * (wide - radius)[:, :, None]
        return grown

    def _legs(self) -> list[tuple[str, str, tuple[float, float]]]:
        return [
            (f"{start}_{side}", f"{end}_{side}", LEG_RADII_M[start])
            for start, end in (("thigh", "calf"), ("calf", "foot"))
            for side in "lr"
        ]

    def _needed(
        self,
        bone: tuple[str, str, tuple[float, float]],
        cloth: Vectors,
        middle: Vectors,
        outward: Vectors,
        bones: Bones,
    ) -> Numbers:
        """Return how far from the ring's middle, in each direction, a part of a leg reaches at each height."""
        top, end = (bones.positions[self.skeleton.number[name]] for name in bone[:2])
        fall = max(float(top[1] - end[1]), 0.05)
        share = np.clip((top[1] - cloth[:, :, 1]) / fall, -LEG_MARGIN, 1 + LEG_MARGIN)
        inside = np.clip(share, 0.0, 1.0)
        centre = top + inside[:, :, None] * (end - top)
        thick = bone[2][0] + (bone[2][1] - bone[2][0]) * inside
        axis_turn = min(float(np.linalg.norm(end - top)) / fall, 1.35)
        reach: Numbers = ((centre - middle) * outward * (1.0, 0.0, 1.0)).sum(axis=2) + thick * axis_turn
        return np.where((share > -LEG_MARGIN) & (share < 1 + LEG_MARGIN), reach, 0.0)


def draped(radii: Numbers) -> Numbers:
    """Return radii of the rings, top to hem: where cloth is pushed out, it stretches above and hangs below."""
    wide = radii.copy()
    for ring in range(1, RINGS):
        wide[ring] = np.maximum(wide[ring], wide[ring - 1] - MAX_INWARD_M)
    for ring in range(RINGS - 1, 0, -1):
        wide[ring - 1] = np.maximum(wide[ring - 1], wide[ring] - MAX_STRETCH_M)
    return wide


def smooth_around(values: Numbers) -> Numbers:
    """Return values smoothed along the rings, nowhere smaller than before."""
    soft = values
    for _ in range(4):
        soft = (np.roll(soft, 1, axis=1) + 2 * soft + np.roll(soft, -1, axis=1)) / 4
    return np.maximum(soft, values)


def grid_normals(cloth: Vectors) -> Vectors:
    """Return unit normals of the rings, (n, 3)."""
    around = np.roll(cloth, -1, axis=1) - np.roll(cloth, 1, axis=1)
    normals = np.cross(np.gradient(cloth, axis=0), around)
    flat: Vectors = (normals / (np.linalg.norm(normals, axis=2, keepdims=True) + 1e-12)).reshape(-1, 3)
    return flat
