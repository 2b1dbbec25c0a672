"""Stick figures as tall as the demo's dancers: skeletons to pose without downloading the body data."""

from __future__ import annotations

import numpy as np

from data.generators.couple.bake import RestBody
from data.generators.couple.skeleton import Skeleton

MIDDLE = {
    "Root": ("", (0.0, 0.0, 0.0)),
    "pelvis": ("Root", (0.0, 0.977, 0.007)),
    "spine_01": ("pelvis", (0.0, 1.064, -0.025)),
    "spine_02": ("spine_01", (0.0, 1.127, -0.016)),
    "spine_03": ("spine_02", (0.0, 1.190, -0.024)),
    "neck_01": ("spine_03", (0.0, 1.540, 0.015)),
    "head": ("neck_01", (0.0, 1.638, 0.047)),
}
LEFT = {
    "thigh": ("pelvis", (0.111, 0.971, -0.004)),
    "calf": ("thigh", (0.148, 0.532, 0.031)),
    "foot": ("calf", (0.204, 0.074, 0.016)),
    "ball": ("foot", (0.208, 0.008, 0.148)),
    "clavicle": ("spine_03", (0.023, 1.464, 0.028)),
    "upperarm": ("clavicle", (0.216, 1.435, 0.022)),
    "lowerarm": ("upperarm", (0.383, 1.238, 0.021)),
    "hand": ("lowerarm", (0.522, 1.105, 0.219)),
    **{
        f"{finger}_0{part + 1}": (f"{finger}_0{part}" if part else "hand", (x, y - 0.018 * part, z + 0.02 * part))
        for finger, (x, y, z) in {
            "index": (0.552, 1.063, 0.327),
            "middle": (0.571, 1.050, 0.308),
            "ring": (0.577, 1.040, 0.288),
            "pinky": (0.581, 1.030, 0.267),
            "thumb": (0.523, 1.098, 0.269),
        }.items()
        for part in range(3)
    },
}
HEIGHTS = {"lead": 1.0, "follow": 0.915}  # of the lead's


def stick_figure(role: str) -> Skeleton:
    """Return a skeleton without a surface."""
    bones = dict(MIDDLE)
    for side, sign in (("l", 1.0), ("r", -1.0)):
        for name, (parent, (x, y, z)) in LEFT.items():
            bones[f"{name}_{side}"] = (f"{parent}_{side}" if parent in LEFT else parent, (sign * x, y, z))
    names = tuple(bones)
    heads = np.array([position for _, position in bones.values()]) * HEIGHTS[role]
    parents = tuple(names.index(parent) if parent else -1 for parent, _ in bones.values())
    nothing = np.zeros((0, 4))
    return Skeleton(RestBody(role, names, parents, heads, np.zeros((0, 3)), nothing.astype(np.int64), nothing, {}))
