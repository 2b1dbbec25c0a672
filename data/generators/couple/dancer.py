"""Represent one dressed dancer: a body that is posed by a stance and returns its surface and joints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.generators.couple.bake import rest_body
from data.generators.couple.geometry import Vectors
from data.generators.couple.posing import pose
from data.generators.couple.skeleton import Bones, Skeleton, Stance
from data.generators.couple.skin import Skin
from data.generators.couple.stance import SOLE_M
from data.generators.couple.wardrobe import dressed

# The joints with which detection is compared (check.LANDMARKS), head first.
JOINTS = (
    "head",
    "upperarm_l",
    "upperarm_r",
    "hand_l",
    "hand_r",
    "thigh_l",
    "thigh_r",
    "calf_l",
    "calf_r",
    "foot_l",
    "foot_r",
)


class Dancer:
    """The lead or the follow, dressed."""

    def __init__(self, role: str, body_data: Path) -> None:
        rest = rest_body(role, body_data)
        self.skeleton = Skeleton(rest)
        self.outfit = dressed(self.skeleton)
        self.skin = Skin(rest, self.outfit.drawable)
        self.bones: Bones | None = None

    def move_to(self, stance: Stance) -> NDArray[np.float32]:
        """Pose the body in the stance of the next frame; return the surface's positions and normals, (n, 6)."""
        self.bones = pose(self.skeleton, stance)
        surface = self.skin.moved(self.bones)
        outfit, heading = self.outfit, stance.yaw
        if outfit.skirt is not None:
            part = slice(outfit.skirt_from, outfit.hair_from)
            surface[part] = np.concatenate(outfit.skirt.moved(surface[part, :3], self.bones, heading), axis=1)
        if outfit.long_hair is not None:
            head_yaw = heading + float(stance.neck[1] + stance.head[1])
            surface[outfit.hair_from :] = np.concatenate(outfit.long_hair.moved(self.bones, head_yaw), axis=1)
        return surface

    def rest(self) -> None:
        """Reset skirt and hair to rest: the next stance is the first."""
        for loose in (self.outfit.skirt, self.outfit.long_hair):
            if loose is not None:
                loose.rest()

    def joints(self, names: tuple[str, ...] = JOINTS) -> Vectors:
        """Return the joints of the last stance, (joints, 3) in metres.

        Raises: `ValueError` before the first stance.
        """
        if self.bones is None:
            raise ValueError("there is no stance yet: call move_to first")
        positions: Vectors = self.bones.positions[[self.skeleton.number[name] for name in names]]
        return positions

    def contacts(self) -> list[tuple[float, float, float, float, float, float]]:
        """Return the contact shadows of both feet and the body on the floor: x, z of both ends, radius, depth."""
        found = []
        for side in "lr":
            heel, ball = self.joints((f"foot_{side}", f"ball_{side}"))
            toes, lift = ball + 0.35 * (ball - heel), ball[1] - self.skeleton.at(f"ball_{side}")[1] - SOLE_M
            depth = 0.80 * float(np.clip(1 - lift * 9, 0, 1))
            found.append((float(heel[0]), float(heel[2]), float(toes[0]), float(toes[2]), 0.055 + lift, depth))
        x, _, z = (float(value) for value in self.joints(("pelvis",))[0])
        return [*found, (x, z, x, z, 0.34, 0.34)]
