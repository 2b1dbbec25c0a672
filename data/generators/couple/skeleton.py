"""A rest body in, its skeleton and the words for a stance (pelvis, spine, feet, hands) out."""

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
    unit,
    vector,
)

SIDES = {"l": 1.0, "r": -1.0}
FINGERS = ("index", "middle", "ring", "pinky")
HEEL_PITCH = {"lead": 0.0, "follow": 0.36}  # radians by which the shoe lifts the heel
PALM_SHARE = 0.62  # of the way from the wrist to the knuckles: the middle of the palm
SPINE = ("spine_01", "spine_02", "spine_03")
STRAIGHTEST = {"leg": 0.997, "arm": 0.985}  # share of a limb's length at which it counts as straight


@dataclass(frozen=True)
class Foot:
    """Where the ball of a foot is, where the toes point (yaw), and how far the heel is lifted (pitch)."""

    ball: Vector
    yaw: float
    pitch: float


@dataclass(frozen=True)
class Hand:
    """Where the middle of the palm goes, which ways the elbow, the palm and the fingers point, and how far they close.

    `fingers` None: straight on from the forearm.
    """

    place: Vector
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
    """Rotations (bones, 3, 3) and places (bones, 3) of a posed skeleton, in metres on the dance floor."""

    rotations: NDArray[np.float64]
    places: Vectors


@dataclass(frozen=True)
class Chest:
    """The upper body of a stance, before the arms: its rotation, its place, both shoulders and the head."""

    rotation: Rotation
    place: Vector
    shoulders: dict[str, Vector]
    head: Vector


def turned(angles: Vector) -> Rotation:
    """(nod, turn, lean) as a rotation."""
    rotation: Rotation = about_y(angles[1]) @ about_z(angles[2]) @ about_x(angles[0])
    return rotation


def pelvis_rotation(stance: Stance) -> Rotation:
    """The pelvis' rotation on the floor."""
    hips = about_y(stance.hip_twist) @ about_z(stance.hip_roll) @ about_x(stance.hip_tilt)
    rotation: Rotation = about_y(stance.yaw) @ hips
    return rotation


class Skeleton:
    """The bones of one rest body, and how to pose them."""

    def __init__(self, rest: RestBody) -> None:
        self.rest = rest
        self.number = {name: index for index, name in enumerate(rest.names)}
        self.leg = (self.length("thigh_l", "calf_l"), self.length("calf_l", "foot_l"))
        self.arm = (self.length("upperarm_l", "lowerarm_l"), self.length("lowerarm_l", "hand_l"))
        self.toes_out = {s: self._toes_out(s) for s in SIDES}
        self.heel_pitch = HEEL_PITCH[rest.who]
        self.heel_rise = self._heel_rise()
        self.palms = {s: self._palm(s) for s in SIDES}
        self.palm_middles = {s: self._palm_middle(s) for s in SIDES}
        self.palm_length = float(np.linalg.norm(self.palm_middles["l"]))

    def at(self, bone: str) -> Vector:
        """Where the bone begins at rest."""
        place: Vector = self.rest.heads[self.number[bone]]
        return place

    def length(self, start: str, end: str) -> float:
        """Distance between two joints at rest."""
        return float(np.linalg.norm(self.at(end) - self.at(start)))

    def reach(self) -> float:
        """Shoulder to wrist, arm straight."""
        return STRAIGHTEST["arm"] * sum(self.arm)

    def palm_middle(self, side: str, bones: Bones) -> Vector:
        """Where the middle of a palm is, on the bones."""
        hand = self.number[f"hand_{side}"]
        middle: Vector = bones.places[hand] + bones.rotations[hand] @ self.palm_middles[side]
        return middle

    def ankle(self, side: str, foot: Foot) -> Vector:
        """Where the ankle is above a placed foot."""
        flat = foot_rotation(foot.yaw, foot.pitch, self.toes_out[side])
        ankle: Vector = foot.ball + flat @ (self.at(f"foot_{side}") - self.at(f"ball_{side}"))
        return ankle

    def chest(self, stance: Stance) -> Chest:
        """The upper body of a stance."""
        rotation, place = pelvis_rotation(stance), stance.pelvis
        before = "pelvis"
        for name, angles in zip(SPINE, stance.spine, strict=True):
            place = place + rotation @ (self.at(name) - self.at(before))
            rotation = rotation @ turned(angles)
            before = name
        shoulders = {s: place + rotation @ (self.at(f"upperarm_{s}") - self.at(before)) for s in SIDES}
        return Chest(rotation, place, shoulders, place + rotation @ (self.at("head") - self.at(before)))

    def _heel_rise(self) -> float:
        """How much higher the shoe's heel puts the ankle."""
        along = self.at("foot_l") - self.at("ball_l")
        return float((foot_rotation(0.0, self.heel_pitch, self.toes_out["l"]) @ along)[1] - along[1])

    def _toes_out(self, side: str) -> float:
        along = self.at(f"ball_{side}") - self.at(f"foot_{side}")
        return float(np.arctan2(along[0], along[2]))

    def _palm(self, side: str) -> Vector:
        wrist = self.at(f"hand_{side}")
        across = np.cross(self.at(f"pinky_01_{side}") - wrist, self.at(f"index_01_{side}") - wrist)
        return unit(across) * SIDES[side]

    def _palm_middle(self, side: str) -> Vector:
        knuckles = np.mean([self.at(f"{finger}_01_{side}") for finger in FINGERS], axis=0)
        middle: Vector = (knuckles - self.at(f"hand_{side}")) * PALM_SHARE
        return middle


def foot_rotation(yaw: float, pitch: float, toes_out: float) -> Rotation:
    """A foot's rotation: rest feet point outwards a little, and that is taken back."""
    rotation: Rotation = about_y(yaw) @ about_x(pitch) @ about_y(-toes_out)
    return rotation


def blend(a: Hand, b: Hand, share: float) -> Hand:
    """The hand on its way from `a` (0) to `b` (1)."""
    mix = [x + (y - x) * share for x, y in ((a.place, b.place), (a.elbow, b.elbow), (a.palm, b.palm))]
    return Hand(mix[0], mix[1], mix[2], a.curl + (b.curl - a.curl) * share, between(a.fingers, b.fingers, share))


def between(a: Vector | None, b: Vector | None, share: float) -> Vector | None:
    """A direction on its way from `a` to `b`; a missing one weighs nothing, so that the forearm's takes over."""
    if a is None and b is None:
        return None
    mixed: Vector = (vector(0, 0, 0) if a is None else a) * (1 - share) + (vector(0, 0, 0) if b is None else b) * share
    return mixed
