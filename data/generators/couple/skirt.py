"""A body's measures in, a flared skirt out that hangs from the hips, swings with the turns and keeps off the legs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.generators.couple.cloth import DRESS, PLAIN, WHO_STEP, Colour, Drawable, grid_faces, made
from data.generators.couple.geometry import Vectors, about_y, vector
from data.generators.couple.skeleton import Bones, Skeleton
from data.generators.couple.sway import Spring
from data.generators.couple.tailor import Numbers, Tailor, softly

RINGS, AROUND = 26, 84
ABOVE_HIP, BELOW_KNEE, SASH = 0.118, 0.015, 3
EASE, SASH_EASE = 0.010, 0.016  # metres between the body and the cloth
FLARE, FOLDS, FOLD_DEPTH = 0.070, 9, 0.017
WAIST_SHARE = 0.30  # of the length: how far down the cloth moves as the body under it does
LOOSE = 0.85  # how much of the hem hangs instead of tilting with the hips
LEG_RADII = {"thigh": (0.113, 0.076), "calf": (0.084, 0.055)}
PAST = 0.3  # of a bone's height, how far above and below it the leg still has width
HANGS_IN, STRETCHES = 0.004, 0.014  # metres from ring to ring
SPREAD = 0.020  # of the radius, per radian a second of spin
MOST_SPREAD = 0.30


class Skirt:
    """The skirt; it remembers how it swings."""

    def __init__(self, tailor: Tailor) -> None:
        self.skeleton: Skeleton = tailor.skeleton
        self.down = np.linspace(0, 1, RINGS)
        self.angles = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
        self.still = self._still(tailor)
        self.sources = tailor.nearest("tights", (self.still + self.skeleton.at("pelvis")).reshape(-1, 3))
        self.drift, self.twist = Spring(1.7, 0.45), Spring(1.6, 0.42)

    def _still(self, tailor: Tailor) -> Vectors:
        """The skirt at rest, (rings, around, 3) from the pelvis."""
        pelvis = self.skeleton.at("pelvis")
        heights = np.linspace(tailor.hip + ABOVE_HIP, tailor.knee - BELOW_KNEE, RINGS)
        radii = np.array([tailor.girth("tights", vector(0, y, pelvis[2]), self.angles) for y in heights])
        radii[: SASH + 1] = [self._oval(row) for row in radii[: SASH + 1]]
        radii[SASH:] = np.maximum.accumulate(radii[SASH:], axis=0)
        radii = smooth_around(radii) + np.where(np.arange(RINGS) <= SASH, SASH_EASE, EASE)[:, None]
        low = softly(self.down, 0.15, 1.0)[:, None]
        radii = radii + low * (FLARE + FOLD_DEPTH * np.sin(FOLDS * self.angles + 2.2 * np.sin(self.angles)))
        level = radii * np.sin(self.angles), radii * np.cos(self.angles)
        return np.stack([level[0], np.broadcast_to((heights - pelvis[1])[:, None], radii.shape), level[1]], axis=2)

    def _oval(self, reach: Numbers) -> Numbers:
        """The radii of two half ovals that reach as far ahead, behind and aside as the body does."""
        quarter = AROUND // 4
        deep = np.where(np.cos(self.angles) > 0, reach[0], reach[2 * quarter])
        aside = (reach[quarter] + reach[3 * quarter]) / 2
        radii: Numbers = 1 / np.sqrt((np.sin(self.angles) / aside) ** 2 + (np.cos(self.angles) / deep) ** 2)
        return radii

    def drawable(self, colour: Colour, trim: Colour) -> Drawable:
        """The skirt to draw, with a sash and a hem of another colour."""
        faces = grid_faces(RINGS, AROUND, closed=True)
        points = (self.still + self.skeleton.at("pelvis")).reshape(-1, 3)
        drawn = made("follow", points, faces, self.sources, (DRESS, colour))
        drawn.fixed[: SASH * AROUND, 4:] = (PLAIN + WHO_STEP, *trim)
        drawn.fixed[-2 * AROUND :, 5:] = trim
        return drawn

    def rest(self) -> None:
        """Forget the motion."""
        self.drift.rest()
        self.twist.rest()

    def moved(self, skinned: NDArray[np.float32], bones: Bones, heading: float) -> tuple[Vectors, Vectors]:
        """Places and normals (n, 3) a frame later: `skinned` is where the body would take the cloth."""
        hips = bones.places[self.skeleton.number["pelvis"]]
        drift = self.drift.follow(hips * (1.0, 0.0, 1.0))
        twist = float(self.twist.follow(np.array([heading]))[0])
        hung = self._hung(bones, heading + twist, abs(float(self.twist.speed[0])))
        hung = hung + np.clip(drift, -0.12, 0.12) * (self.down**2)[:, None, None]
        waist = softly(self.down, 0.06, WAIST_SHARE)[:, None, None]
        cloth = skinned.reshape(hung.shape) * (1 - waist) + hung * waist
        cloth = self._off_the_legs(cloth, bones)
        return cloth.reshape(-1, 3), grid_normals(cloth)

    def _hung(self, bones: Bones, heading: float, spin: float) -> Vectors:
        """The cloth between tilting with the hips (above) and hanging by its weight (below), spread by a spin."""
        number = self.skeleton.number["pelvis"]
        spread = min(SPREAD * spin, MOST_SPREAD) * softly(self.down, 0.1, 1.0)[:, None]
        local = self.still * np.stack([1 + spread, 1 - 0.22 * spread, 1 + spread], axis=2)
        loose = (LOOSE * softly(self.down, 0.0, 0.8))[:, None, None]
        tilted, hanging = local @ bones.rotations[number].T, local @ about_y(heading).T
        placed: Vectors = bones.places[number] + tilted * (1 - loose) + hanging * loose
        return placed

    def _off_the_legs(self, cloth: Vectors, bones: Bones) -> Vectors:
        """The cloth moved outwards to where both legs are inside it, as a taut band round them would be."""
        middle = cloth.mean(axis=1, keepdims=True)
        out = (cloth - middle) * (1.0, 0.0, 1.0)
        radius = np.linalg.norm(out, axis=2)
        way = out / radius[:, :, None]
        needed: Numbers = np.stack([self._needed(bone, cloth, middle, way, bones) for bone in self._legs()]).max(axis=0)
        low = softly(self.down, 0.03, 0.16)[:, None]
        wide = draped(np.maximum(smooth_around(needed) * low, radius))
        grown: Vectors = cloth + way * (wide - radius)[:, :, None]
        return grown

    def _legs(self) -> list[tuple[str, str, tuple[float, float]]]:
        return [
            (f"{start}_{side}", f"{end}_{side}", LEG_RADII[start])
            for start, end in (("thigh", "calf"), ("calf", "foot"))
            for side in "lr"
        ]

    def _needed(
        self, bone: tuple[str, str, tuple[float, float]], cloth: Vectors, middle: Vectors, way: Vectors, bones: Bones
    ) -> Numbers:
        """How far from the ring's middle, in each direction, a leg's part reaches at each height."""
        top, end = (bones.places[self.skeleton.number[name]] for name in bone[:2])
        fall = max(float(top[1] - end[1]), 0.05)
        share = np.clip((top[1] - cloth[:, :, 1]) / fall, -PAST, 1 + PAST)
        inside = np.clip(share, 0.0, 1.0)
        centre = top + inside[:, :, None] * (end - top)
        thick = bone[2][0] + (bone[2][1] - bone[2][0]) * inside
        aslant = min(float(np.linalg.norm(end - top)) / fall, 1.35)
        reach: Numbers = ((centre - middle) * way * (1.0, 0.0, 1.0)).sum(axis=2) + thick * aslant
        return np.where((share > -PAST) & (share < 1 + PAST), reach, 0.0)


def draped(radii: Numbers) -> Numbers:
    """Radii of the rings, top to hem, where what is pushed out stretches the cloth above it and hangs below."""
    wide = radii.copy()
    for ring in range(1, RINGS):
        wide[ring] = np.maximum(wide[ring], wide[ring - 1] - HANGS_IN)
    for ring in range(RINGS - 1, 0, -1):
        wide[ring - 1] = np.maximum(wide[ring - 1], wide[ring] - STRETCHES)
    return wide


def smooth_around(values: Numbers) -> Numbers:
    """Softer along the rings, never smaller."""
    soft = values
    for _ in range(4):
        soft = (np.roll(soft, 1, axis=1) + 2 * soft + np.roll(soft, -1, axis=1)) / 4
    return np.maximum(soft, values)


def grid_normals(cloth: Vectors) -> Vectors:
    """Unit normals of the rings, (n, 3)."""
    around = np.roll(cloth, -1, axis=1) - np.roll(cloth, 1, axis=1)
    normals = np.cross(np.gradient(cloth, axis=0), around)
    flat: Vectors = (normals / (np.linalg.norm(normals, axis=2, keepdims=True) + 1e-12)).reshape(-1, 3)
    return flat
