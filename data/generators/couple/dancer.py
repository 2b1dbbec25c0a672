"""The body data of one dancer in; a body that takes a stance and gives its drawn surface and joints, out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.generators.couple.bake import rest_body
from data.generators.couple.geometry import Vectors
from data.generators.couple.posing import pose
from data.generators.couple.skeleton import Bones, Skeleton, Stance
from data.generators.couple.skin import Skin
from data.generators.couple.wardrobe import COLOURS, HAIR, Colour, dressed

# The joints by which detection is judged (check.LANDMARKS), head first.
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

    def __init__(self, who: str, body_data: Path) -> None:
        rest = rest_body(who, body_data)
        self.skeleton = Skeleton(rest)
        self.drawable, self.face = dressed(self.skeleton)
        self.hair: Colour = COLOURS[who][HAIR]
        self.skin = Skin(rest, self.drawable)
        self.bones: Bones | None = None

    def take(self, stance: Stance) -> NDArray[np.float32]:
        """Take a stance; the surface's places and normals, (n, 6)."""
        self.bones = pose(self.skeleton, stance)
        return self.skin.moved(self.bones)

    def joints(self, names: tuple[str, ...] = JOINTS) -> Vectors:
        """Where joints are in the stance taken last, (joints, 3) in metres."""
        if self.bones is None:
            raise ValueError("take a stance first")
        places: Vectors = self.bones.places[[self.skeleton.number[name] for name in names]]
        return places

    def contacts(self) -> list[tuple[float, float, float, float]]:
        """The dark a dancer makes on the floor: x, z, radius, depth under both feet and the body."""
        found = []
        for side in "lr":
            x, y, z = self.joints((f"foot_{side}", f"ball_{side}")).mean(axis=0)
            found.append((float(x), float(z), 0.13, 0.62 * float(np.clip(1 - (y - 0.04) * 5, 0, 1))))
        x, _, z = self.joints(("pelvis",))[0]
        return [*found, (float(x), float(z), 0.34, 0.34)]
