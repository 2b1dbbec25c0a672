"""Compute rotations and positions of all bones of a skeleton in a stance.

Forward kinematics for the trunk, inverse kinematics for the limbs.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from data.generators.couple.geometry import (
    AHEAD,
    Rotation,
    Vector,
    about,
    about_y,
    about_z,
    angle_about,
    axes,
    cross,
    unit,
    within_angle,
    within_reach,
)
from data.generators.couple.skeleton import (
    FINGERS,
    MAX_REACH_SHARE,
    SIDES,
    SPINE,
    Bones,
    Foot,
    Hand,
    Skeleton,
    Stance,
    foot_rotation,
    pelvis_rotation,
    turned,
)

MIN_ARM_REACH_SHARE = 0.35  # of an arm's length, with the elbow bent as far as possible
MAX_WRIST_BEND_RAD = 1.1
THUMB_BEND_RAD = 0.25  # even of an open hand
THUMB_SHARES = (0.45, 1.3, 1.0)  # of the fingers' curl
WRIST_ITERATIONS = 8  # the hand depends on the forearm, which depends on the wrist, which depends on the hand


def pose(skeleton: Skeleton, stance: Stance) -> Bones:
    """Return all bones of a stance; feet and hands out of reach come as near as the limbs allow."""
    posing = Posing(skeleton)
    posing.trunk(stance)
    for side in SIDES:
        posing.leg(side, stance.feet[side])
        posing.arm(side, stance.hands[side])
    return Bones(posing.rotations, posing.positions)


def two_bones(start: Vector, end: Vector, lengths: tuple[float, float], pole: Vector) -> tuple[Vector, Vector]:
    """Return directions of the two bones of a limb from `start` to `end`, bent towards `pole` (law of cosines)."""
    upper, lower = lengths
    reach = min(max(float(np.linalg.norm(end - start)), abs(upper - lower) + 1e-4), upper + lower - 1e-4)
    along = unit(end - start)
    beside = unit(pole - along * np.dot(along, pole))
    cosine = np.clip((upper**2 + reach**2 - lower**2) / (2 * upper * reach), -1.0, 1.0)
    middle = start + upper * (cosine * along + np.sqrt(1 - cosine**2) * beside)
    return unit(middle - start), unit(end - middle)


class Posing:
    """A pose while it is being computed."""

    def __init__(self, skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        count = len(skeleton.rest.names)
        self.rotations = np.tile(np.eye(3), (count, 1, 1))
        self.positions = np.zeros((count, 3))

    def attach(self, bone: str, rotation: Rotation) -> Vector:
        """Attach the bone to its parent with this rotation; return its position."""
        number = self.skeleton.number[bone]
        parent = self.skeleton.rest.parents[number]
        heads = self.skeleton.rest.heads
        self.rotations[number] = rotation
        self.positions[number] = self.positions[parent] + self.rotations[parent] @ (heads[number] - heads[parent])
        position: Vector = self.positions[number]
        return position

    def rotation(self, bone: str) -> Rotation:
        """Return the bone's current rotation."""
        found: Rotation = self.rotations[self.skeleton.number[bone]]
        return found

    def trunk(self, stance: Stance) -> None:
        """Pose pelvis, spine, neck and head."""
        number = self.skeleton.number["pelvis"]
        self.rotations[self.skeleton.number["Root"]] = about_y(stance.yaw)
        rotation = self.rotations[number] = pelvis_rotation(stance)
        self.positions[number] = stance.pelvis
        for name, angles in zip((*SPINE, "neck_01", "head"), (*stance.spine, stance.neck, stance.head), strict=True):
            rotation = rotation @ turned(angles)
            self.attach(name, rotation)

    def leg(self, side: str, foot: Foot) -> None:
        """Pose thigh, calf and foot; the knee points half in the hips' direction and half in the toes'."""
        skeleton = self.skeleton
        hip = self.attach(f"thigh_{side}", self.rotation("pelvis"))
        ankle = within_reach(skeleton.ankle(side, foot), hip, 0.0, MAX_REACH_SHARE["leg"] * sum(skeleton.leg))
        pole = 0.5 * about_y(foot.yaw)[:, 2] + 0.5 * self.rotation("pelvis")[:, 2]
        upper, lower = two_bones(hip, ankle, skeleton.leg, pole)
        names = (f"thigh_{side}", f"calf_{side}", f"foot_{side}")
        self.limb(names, (upper, lower), cross(pole, ankle - hip), cross(AHEAD, self.rest_span(names)))
        toes_out = skeleton.toes_out[side]
        self.attach(names[2], foot_rotation(foot.yaw, foot.pitch, toes_out))
        self.attach(f"ball_{side}", foot_rotation(foot.yaw, 0.0, toes_out))

    def rest_span(self, names: tuple[str, str, str]) -> Vector:
        """Return the vector from a limb's first joint to its last, at rest."""
        return self.skeleton.at(names[2]) - self.skeleton.at(names[0])

    def limb(
        self, names: tuple[str, str, str], bones: tuple[Vector, Vector], hinge: Vector, rest_hinge: Vector
    ) -> None:
        """Turn the two bones of a limb to the given directions and hinge axis."""
        for (start, end), bone in zip(pairwise(names), bones, strict=True):
            rest = self.skeleton.at(end) - self.skeleton.at(start)
            self.attach(start, axes(bone, hinge) @ axes(rest, rest_hinge).T)

    def arm(self, side: str, hand: Hand) -> None:
        """Pose shoulder blade, upper arm, forearm, hand and fingers."""
        skeleton = self.skeleton
        upper, lower, along = self.reaching(self.shoulder(side, hand.position), hand)
        hinge = cross(upper, lower)
        if np.linalg.norm(hinge) < 1e-5:
            hinge = cross(upper, -hand.elbow)
        names = (f"upperarm_{side}", f"lowerarm_{side}", f"hand_{side}")
        first, second = (skeleton.at(b) - skeleton.at(a) for a, b in pairwise(names))
        self.limb(names, (upper, lower), hinge, cross(first, second))
        self.wrist(side, (lower, along), hand)

    def reaching(self, shoulder: Vector, hand: Hand) -> tuple[Vector, Vector, Vector]:
        """Return directions of the upper arm, the forearm and the hand that bring the palm to its position."""
        skeleton = self.skeleton
        along = unit(hand.position - shoulder)
        for _ in range(WRIST_ITERATIONS):
            wrist = hand.position - along * skeleton.palm_length
            wrist = within_reach(wrist, shoulder, MIN_ARM_REACH_SHARE * sum(skeleton.arm), skeleton.reach())
            upper, lower = two_bones(shoulder, wrist, skeleton.arm, hand.elbow)
            along = (
                lower if hand.fingers is None else within_angle(lower, lower * 0.02 + hand.fingers, MAX_WRIST_BEND_RAD)
            )
        return upper, lower, along

    def shoulder(self, side: str, hand: Vector) -> Vector:
        """Pose the shoulder blade, which follows the arm up and forward; return the position of the upper arm.

        It follows about a third of the arm's motion.
        """
        chest, sign = self.rotation("spine_03"), SIDES[side]
        self.attach(f"clavicle_{side}", chest)
        towards = chest.T @ unit(hand - self.attach(f"upperarm_{side}", chest))
        rise = float(np.clip((towards[1] + 0.15) * 0.45, -0.05, 0.42))
        self.attach(f"clavicle_{side}", chest @ about_z(sign * rise) @ about_y(-sign * 0.22 * towards[2]))
        return self.attach(f"upperarm_{side}", chest)

    def wrist(self, side: str, along: tuple[Vector, Vector], hand: Hand) -> None:
        """Pose the hand along the second direction with its palm's normal; the forearm gets half of the twist."""
        skeleton, (forearm, straight) = self.skeleton, (along[0], self.rotation(f"lowerarm_{side}").copy())
        middle, palm = skeleton.palm_middles[side], skeleton.palms[side]
        rotation = axes(along[1], hand.palm) @ axes(middle, palm).T
        turn = angle_about(forearm, straight @ palm, rotation @ palm)
        # half of the twist, but without a jump at +-pi, where its sign changes
        self.attach(f"lowerarm_{side}", about(forearm, 0.5 * turn * (1 - (turn / np.pi) ** 4)) @ straight)
        self.attach(f"hand_{side}", rotation)
        self.fingers(side, hand.curl)

    def fingers(self, side: str, curl: float) -> None:
        """Bend the four fingers by `curl` radians per joint; the thumb closes against them."""
        skeleton, hand = self.skeleton, self.rotation(f"hand_{side}")
        for finger in FINGERS:
            rotation = hand
            along = skeleton.at(f"{finger}_02_{side}") - skeleton.at(f"{finger}_01_{side}")
            hinge = cross(along, skeleton.palms[side])
            for part in ("01", "02", "03"):
                rotation = rotation @ about(hinge, curl)
                self.attach(f"{finger}_{part}_{side}", rotation)
        self.thumb(side, curl)

    def thumb(self, side: str, curl: float) -> None:
        """Move the thumb in front of the palm and over what the hand holds."""
        skeleton, rotation = self.skeleton, self.rotation(f"hand_{side}")
        along = skeleton.at(f"thumb_03_{side}") - skeleton.at(f"thumb_01_{side}")
        across = skeleton.at(f"pinky_01_{side}") - skeleton.at(f"index_01_{side}")
        to_palm, over_it = cross(along, skeleton.palms[side]), cross(skeleton.palms[side], across)
        for part, hinge, share in zip(("01", "02", "03"), (to_palm, over_it, over_it), THUMB_SHARES, strict=True):
            rotation = rotation @ about(hinge, share * (curl + THUMB_BEND_RAD))
            self.attach(f"thumb_{part}_{side}", rotation)
