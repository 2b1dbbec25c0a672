"""Measure a rest body: where cloth may be cut, how wide the body is at a height, where the face is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.generators.couple.bake import RestBody
from data.generators.couple.geometry import Vector, Vectors, unit, vector
from data.generators.couple.skeleton import SIDES, Skeleton

Numbers = NDArray[np.float64]
ARM_BONES = ("upperarm", "lowerarm", "hand", "index", "middle", "ring", "pinky", "thumb")
HALF_SLICE_M = 0.018  # vertices this far above and below a height count as at that height


@dataclass(frozen=True)
class Face:
    """Positions on the face that the shader paints: the left eye, the mouth's height, the brow above the eye."""

    eye: Vectors
    mouth: float
    brow: float


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid fixed to a bone, skull or chest, that hair does not enter."""

    bone: str
    middle: Vector
    radii: Vector


class BodyMeasures:
    """Measures of one body that define cuts. `along_arm` grows from the shoulder to the fingers."""

    def __init__(self, skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        self.rest: RestBody = skeleton.rest
        self.x, self.y, self.z = self.rest.vertices.T
        self.along_arm = self._along_arm()
        self.neck, self.hip = float(skeleton.at("neck_01")[1]), float(skeleton.at("thigh_l")[1])
        self.knee, self.waist = float(skeleton.at("calf_l")[1]), float(skeleton.at("spine_02")[1])
        self.behind_neck = self.z - skeleton.at("neck_01")[2]
        self.eyes = self._eyes()

    def _along_arm(self) -> Numbers:
        along = np.zeros(len(self.rest.vertices))
        for side, sign in SIDES.items():
            shoulder, elbow, wrist = (self.skeleton.at(f"{bone}_{side}") for bone in ("upperarm", "lowerarm", "hand"))
            upper = (self.rest.vertices - shoulder) @ unit(elbow - shoulder)
            lower = self.skeleton.arm[0] + (self.rest.vertices - elbow) @ unit(wrist - elbow)
            on_side = self.rest.vertices[:, 0] * sign > 0
            along[on_side] = np.where(upper < self.skeleton.arm[0], upper, np.maximum(lower, self.skeleton.arm[0]))[
                on_side
            ]
        return np.where(self.arm_share() > 0.5, along, -0.03)

    def arm_share(self) -> Numbers:
        """Return the weight of the arms' bones for each vertex."""
        arm = [index for index, name in enumerate(self.rest.names) if name.startswith(ARM_BONES)]
        share: Numbers = (self.rest.weights * np.isin(self.rest.influences, arm)).sum(axis=1)
        return share

    def share_of(self, bone: str) -> Numbers:
        """Return the weight of one bone for each vertex."""
        share: Numbers = (self.rest.weights * (self.rest.influences == self.skeleton.number[bone])).sum(axis=1)
        return share

    def _eyes(self) -> dict[str, NDArray[np.int64]]:
        eyes = np.unique(self.rest.surfaces["eyes"])
        left = self.rest.vertices[eyes, 0] > 0
        return {"l": eyes[left], "r": eyes[~left]}

    def eye(self, side: str) -> Vectors:
        """Return the middle of an eye."""
        middle: Vectors = self.rest.vertices[self.eyes[side]].mean(axis=0)
        return middle

    def face(self) -> Face:
        """Return what the shader needs to paint the face."""
        eye, lead = self.eye("l"), self.rest.role == "lead"
        return Face(eye, float(eye[1]) - (0.0735 if lead else 0.0685), 0.0215 if lead else 0.0225)

    def trunk(self, surface: str) -> NDArray[np.int64]:
        """Return the vertices of a surface that are not on the arms."""
        used = np.unique(self.rest.surfaces[surface])
        found: NDArray[np.int64] = used[self.along_arm[used] < 0].astype(np.int64)
        return found

    def girth(self, surface: str, middle: Vector, angles: Numbers) -> Numbers:
        """Return how far the surface reaches from `middle` horizontally at its height; angle 0 is ahead, +z."""
        near = self.rest.vertices[self.trunk(surface)]
        near = near[np.abs(near[:, 1] - middle[1]) < HALF_SLICE_M] - middle
        reach: Numbers = (near[:, [0, 2]] @ np.stack([np.sin(angles), np.cos(angles)])).max(axis=0)
        return reach

    def nearest(self, surface: str, points: Vectors) -> NDArray[np.int64]:
        """Return the vertex of a surface's trunk that is nearest to each of the points (n, 3)."""
        trunk = self.trunk(surface)
        distances = ((points[:, None] - self.rest.vertices[trunk][None]) ** 2).sum(axis=2)
        found: NDArray[np.int64] = trunk[distances.argmin(axis=1)]
        return found

    def vertex_of_bone(self, bone: str) -> int:
        """Return the vertex with the largest weight of one bone."""
        return int(np.argmax(self.share_of(bone)))

    def skull(self) -> Ellipsoid:
        """Return the head above the ears."""
        eye = self.eye("l")
        top = float(self.rest.vertices[self.trunk("body"), 1].max())
        middle = vector(0.0, eye[1] + 0.012, eye[2] - 0.068)
        return Ellipsoid("head", middle, vector(0.0795, top - middle[1], 0.099))

    def chest(self) -> Ellipsoid:
        """Return the back and the shoulders."""
        position = self.skeleton.at("spine_03")
        return Ellipsoid("spine_03", position + vector(0, 0.135, 0.020), vector(0.172, 0.215, 0.104))


def share_between(values: Numbers, low: float, high: float) -> Numbers:
    """Return 0 at `low`, 1 at `high`, linear between."""
    return np.clip((values - low) / (high - low), 0.0, 1.0)


def softly(values: Numbers, low: float, high: float) -> Numbers:
    """Return 0 at `low`, 1 at `high`, smoothstep between."""
    share = share_between(values, low, high)
    return share * share * (3 - 2 * share)
