"""Represent a rest body's skeleton and the parts of a stance: pelvis, spine, feet and hands."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.generators.couple.bake import RestBody
from data.generators.couple.geometry import (
    Rotation,
    Vector,
    Vectors,
    about_x,
    about_y,
    about_z,
    cross,
    unit,
    vector,
)

SIDES = {"l": 1.0, "r": -1.0}
FINGERS = ("index", "middle", "ring", "pinky")
SHOE_HEEL_PITCH_RAD = {"lead": 0.0, "follow": 0.36}  # by which the shoe lifts the heel
PALM_SHARE = 0.62  # of the distance from the wrist to the knuckles: the middle of the palm
SPINE = ("spine_01", "spine_02", "spine_03")
MAX_REACH_SHARE = {"leg": 0.997, "arm": 0.985}  # of a limb's length: nearly straight


@dataclass(frozen=True)
class Foot:
    """The ball of a foot, the direction of the toes (yaw), and how far the heel is lifted (pitch)."""

    ball: Vector
    yaw: float
    pitch: float


@dataclass(frozen=True)
class Hand:
    """The position of the middle of the palm, the directions of elbow, palm and fingers, and the fingers' curl.

    `fingers` None: straight on from the forearm.
    """

    position: Vector
    elbow: Vector
    palm: Vector
    curl: float = 0.45
    fingers: Vector | None = None


@dataclass
class Stance:
    """A dancer's pose. Angles in radians; spine, neck and head as (nod, turn, lean)."""

    pelvis: Vector
    yaw: float
    hip_roll: float
    hip_twist: float
    hip_tilt: float
    spine: tuple[Vector, Vector, Vector]
    neck: Vector
    head: Vector
    feet: dict[str, Foot]
    hands: dict[str, Hand] = field(default_factory=dict)


@dataclass(frozen=True)
class Bones:
    """Rotations (bones, 3, 3) and positions (bones, 3) of a posed skeleton, in metres on the dance floor."""

    rotations: NDArray[np.float64]
    positions: Vectors


@dataclass(frozen=True)
class Chest:
    """The upper body of a stance, before the arms: its rotation, its position, both shoulders and the head."""

    rotation: Rotation
    position: Vector
    shoulders: dict[str, Vector]
    head: Vector


def turned(angles: Vector) -> Rotation:
    """Return (nod, turn, lean) as a rotation."""
    rotation: Rotation = about_y(angles[1]) @ about_z(angles[2]) @ about_x(angles[0])
    return rotation


def pelvis_rotation(stance: Stance) -> Rotation:
    """Return the pelvis' rotation on the floor."""
    hips = about_y(stance.hip_twist) @ about_z(stance.hip_roll) @ about_x(stance.hip_tilt)
    rotation: Rotation = about_y(stance.yaw) @ hips
    return rotation


class Skeleton:
    """The bones of one rest body, with the measures that posing needs."""

    def __init__(self, rest: RestBody) -> None:
        self.rest = rest
        self.number = {name: index for index, name in enumerate(rest.names)}
        self.leg = (self.length("thigh_l", "calf_l"), self.length("calf_l", "foot_l"))
        self.arm = (self.length("upperarm_l", "lowerarm_l"), self.length("lowerarm_l", "hand_l"))
        self.toes_out = {s: self._toes_out(s) for s in SIDES}
        self.heel_pitch = SHOE_HEEL_PITCH_RAD[rest.role]
        self.heel_rise = self._heel_rise()
        self.palms = {s: self._palm(s) for s in SIDES}
        self.palm_middles = {s: self._palm_middle(s) for s in SIDES}
        self.palm_length = float(np.linalg.norm(self.palm_middles["l"]))

    def at(self, bone: str) -> Vector:
        """Return the head of a bone at rest."""
        position: Vector = self.rest.heads[self.number[bone]]
        return position

    def length(self, start: str, end: str) -> float:
        """Return the distance between two joints at rest."""
        return float(np.linalg.norm(self.at(end) - self.at(start)))

    def reach(self) -> float:
        """Return the distance from shoulder to wrist with a straight arm."""
        return MAX_REACH_SHARE["arm"] * sum(self.arm)

    def palm_middle(self, side: str, bones: Bones) -> Vector:
        """Return the middle of a palm of posed bones."""
        hand = self.number[f"hand_{side}"]
        middle: Vector = bones.positions[hand] + bones.rotations[hand] @ self.palm_middles[side]
        return middle

    def ankle(self, side: str, foot: Foot) -> Vector:
        """Return the ankle above a placed foot."""
        flat = foot_rotation(foot.yaw, foot.pitch, self.toes_out[side])
        ankle: Vector = foot.ball + flat @ (self.at(f"foot_{side}") - self.at(f"ball_{side}"))
        return ankle

    def chest(self, stance: Stance) -> Chest:
        """Return the upper body of a stance."""
        rotation, position = pelvis_rotation(stance), stance.pelvis
        before = "pelvis"
        for name, angles in zip(SPINE, stance.spine, strict=True):
            position = position + rotation @ (self.at(name) - self.at(before))
            rotation = rotation @ turned(angles)
            before = name
        shoulders = {s: position + rotation @ (self.at(f"upperarm_{s}") - self.at(before)) for s in SIDES}
        return Chest(rotation, position, shoulders, position + rotation @ (self.at("head") - self.at(before)))

    def _heel_rise(self) -> float:
        """Return by how much the shoe's heel raises the ankle."""
        along = self.at("foot_l") - self.at("ball_l")
        return float((foot_rotation(0.0, self.heel_pitch, self.toes_out["l"]) @ along)[1] - along[1])

    def _toes_out(self, side: str) -> float:
        along = self.at(f"ball_{side}") - self.at(f"foot_{side}")
        return float(np.arctan2(along[0], along[2]))

    def _palm(self, side: str) -> Vector:
        wrist = self.at(f"hand_{side}")
        across = cross(self.at(f"pinky_01_{side}") - wrist, self.at(f"index_01_{side}") - wrist)
        return unit(across) * SIDES[side]

    def _palm_middle(self, side: str) -> Vector:
        knuckles = np.mean([self.at(f"{finger}_01_{side}") for finger in FINGERS], axis=0)
        middle: Vector = (knuckles - self.at(f"hand_{side}")) * PALM_SHARE
        return middle


def foot_rotation(yaw: float, pitch: float, toes_out: float) -> Rotation:
    """Return a foot's rotation; the slight outward angle of the feet at rest is subtracted."""
    rotation: Rotation = about_y(yaw) @ about_x(pitch) @ about_y(-toes_out)
    return rotation


def blend(a: Hand, b: Hand, share: float) -> Hand:
    """Return the hand between `a` (share 0) and `b` (share 1)."""
    mix = [x + (y - x) * share for x, y in ((a.position, b.position), (a.elbow, b.elbow), (a.palm, b.palm))]
    return Hand(mix[0], mix[1], mix[2], a.curl + (b.curl - a.curl) * share, between(a.fingers, b.fingers, share))


def between(a: Vector | None, b: Vector | None, share: float) -> Vector | None:
    """Return a direction between `a` and `b`; a missing one has no weight, so that the forearm's dominates."""
    if a is None and b is None:
        return None
    mixed: Vector = (vector(0, 0, 0) if a is None else a) * (1 - share) + (vector(0, 0, 0) if b is None else b) * share
    return mixed
