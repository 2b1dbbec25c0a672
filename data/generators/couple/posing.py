"""A skeleton and a stance in, rotations and places of all its bones out.

Forward kinematics for the trunk, inverse kinematics for the limbs.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from data.generators.couple.geometry import (
    Rotation,
    Vector,
    about,
    about_y,
    about_z,
    angle_about,
    axes,
    leaning,
    unit,
    within_reach,
)
from data.generators.couple.skeleton import (
    FINGERS,
    SIDES,
    SPINE,
    STRAIGHTEST,
    Bones,
    Foot,
    Hand,
    Skeleton,
    Stance,
    foot_rotation,
    pelvis_rotation,
    turned,
)

MOST_BENT = 0.35  # of an arm's length
WRIST_BENDS = 1.1  # radians
THUMB_BENT = 0.25  # radians, even of an open hand
THUMB_SHARES = (0.45, 1.3, 1.0)  # of the fingers' curl
ROUNDS = 8  # the hand depends on the forearm, which depends on the wrist, which depends on the hand


def pose(skeleton: Skeleton, stance: Stance) -> Bones:
    """All bones of a stance. Feet and hands out of reach come as near as the limbs allow."""
    posing = Posing(skeleton)
    posing.trunk(stance)
    for side in SIDES:
        posing.leg(side, stance.feet[side])
        posing.arm(side, stance.hands[side])
    return Bones(posing.rotations, posing.places)


def two_bones(start: Vector, end: Vector, lengths: tuple[float, float], pole: Vector) -> tuple[Vector, Vector]:
    """Directions of the two bones of a limb from `start` to `end`, bent towards `pole` (law of cosines)."""
    upper, lower = lengths
    reach = min(max(float(np.linalg.norm(end - start)), abs(upper - lower) + 1e-4), upper + lower - 1e-4)
    along = unit(end - start)
    beside = unit(pole - along * np.dot(along, pole))
    cosine = np.clip((upper**2 + reach**2 - lower**2) / (2 * upper * reach), -1.0, 1.0)
    middle = start + upper * (cosine * along + np.sqrt(1 - cosine**2) * beside)
    return unit(middle - start), unit(end - middle)


class Posing:
    """One pose in the making."""

    def __init__(self, skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        count = len(skeleton.rest.names)
        self.rotations = np.tile(np.eye(3), (count, 1, 1))
        self.places = np.zeros((count, 3))

    def put(self, bone: str, rotation: Rotation) -> Vector:
        """Hang the bone on its parent with this rotation; where it begins now."""
        number = self.skeleton.number[bone]
        parent = self.skeleton.rest.parents[number]
        heads = self.skeleton.rest.heads
        self.rotations[number] = rotation
        self.places[number] = self.places[parent] + self.rotations[parent] @ (heads[number] - heads[parent])
        place: Vector = self.places[number]
        return place

    def rotation(self, bone: str) -> Rotation:
        """The bone's rotation so far."""
        found: Rotation = self.rotations[self.skeleton.number[bone]]
        return found

    def trunk(self, stance: Stance) -> None:
        """Pelvis, spine, neck and head."""
        number = self.skeleton.number["pelvis"]
        self.rotations[self.skeleton.number["Root"]] = about_y(stance.yaw)
        rotation = self.rotations[number] = pelvis_rotation(stance)
        self.places[number] = stance.pelvis
        for name, angles in zip((*SPINE, "neck_01", "head"), (*stance.spine, stance.neck, stance.head), strict=True):
            rotation = rotation @ turned(angles)
            self.put(name, rotation)

    def leg(self, side: str, foot: Foot) -> None:
        """Thigh, calf and foot; the knee points half where the hips look and half where the toes do."""
        skeleton = self.skeleton
        hip = self.put(f"thigh_{side}", self.rotation("pelvis"))
        ankle = within_reach(skeleton.ankle(side, foot), hip, 0.0, STRAIGHTEST["leg"] * sum(skeleton.leg))
        pole = 0.5 * about_y(foot.yaw)[:, 2] + 0.5 * self.rotation("pelvis")[:, 2]
        upper, lower = two_bones(hip, ankle, skeleton.leg, pole)
        names = (f"thigh_{side}", f"calf_{side}", f"foot_{side}")
        self.limb(names, (upper, lower), np.cross(pole, ankle - hip), np.cross([0.0, 0.0, 1.0], self.rest_span(names)))
        toes_out = skeleton.toes_out[side]
        self.put(names[2], foot_rotation(foot.yaw, foot.pitch, toes_out))
        self.put(f"ball_{side}", foot_rotation(foot.yaw, 0.0, toes_out))

    def rest_span(self, names: tuple[str, str, str]) -> Vector:
        """From a limb's first joint to its last, at rest."""
        return self.skeleton.at(names[2]) - self.skeleton.at(names[0])

    def limb(
        self, names: tuple[str, str, str], bones: tuple[Vector, Vector], hinge: Vector, rest_hinge: Vector
    ) -> None:
        """Turn the two bones of a limb so that they and their hinge lie as given."""
        for (start, end), bone in zip(pairwise(names), bones, strict=True):
            rest = self.skeleton.at(end) - self.skeleton.at(start)
            self.put(start, axes(bone, hinge) @ axes(rest, rest_hinge).T)

    def arm(self, side: str, hand: Hand) -> None:
        """Shoulder blade, upper arm, forearm, hand and fingers."""
        skeleton = self.skeleton
        upper, lower, along = self.reaching(self.shoulder(side, hand.place), hand)
        hinge = np.cross(upper, lower)
        if np.linalg.norm(hinge) < 1e-5:
            hinge = np.cross(upper, -hand.elbow)
        names = (f"upperarm_{side}", f"lowerarm_{side}", f"hand_{side}")
        first, second = (skeleton.at(b) - skeleton.at(a) for a, b in pairwise(names))
        self.limb(names, (upper, lower), hinge, np.cross(first, second))
        self.wrist(side, (lower, along), hand)

    def reaching(self, shoulder: Vector, hand: Hand) -> tuple[Vector, Vector, Vector]:
        """Directions of the upper arm, the forearm and the hand that bring the palm to its place."""
        skeleton = self.skeleton
        along = unit(hand.place - shoulder)
        for _ in range(ROUNDS):
            wrist = hand.place - along * skeleton.palm_length
            wrist = within_reach(wrist, shoulder, MOST_BENT * sum(skeleton.arm), skeleton.reach())
            upper, lower = two_bones(shoulder, wrist, skeleton.arm, hand.elbow)
            along = lower if hand.fingers is None else leaning(lower, lower * 0.02 + hand.fingers, WRIST_BENDS)
        return upper, lower, along

    def shoulder(self, side: str, hand: Vector) -> Vector:
        """The shoulder blade follows the arm up and forward (a third of what the arm does); where the arm begins."""
        chest, sign = self.rotation("spine_03"), SIDES[side]
        self.put(f"clavicle_{side}", chest)
        towards = chest.T @ unit(hand - self.put(f"upperarm_{side}", chest))
        rise = float(np.clip((towards[1] + 0.15) * 0.45, -0.05, 0.42))
        self.put(f"clavicle_{side}", chest @ about_z(sign * rise) @ about_y(-sign * 0.22 * towards[2]))
        return self.put(f"upperarm_{side}", chest)

    def wrist(self, side: str, along: tuple[Vector, Vector], hand: Hand) -> None:
        """The hand along the second direction, its palm as it should look; the forearm takes half of the twist."""
        skeleton, (forearm, straight) = self.skeleton, (along[0], self.rotation(f"lowerarm_{side}").copy())
        middle, palm = skeleton.palm_middles[side], skeleton.palms[side]
        rotation = axes(along[1], hand.palm) @ axes(middle, palm).T
        turn = angle_about(forearm, straight @ palm, rotation @ palm)
        # half of it, but no jump where it would turn the other way
        self.put(f"lowerarm_{side}", about(forearm, 0.5 * turn * (1 - (turn / np.pi) ** 4)) @ straight)
        self.put(f"hand_{side}", rotation)
        self.fingers(side, hand.curl)

    def fingers(self, side: str, curl: float) -> None:
        """Bend the four fingers by `curl` radians a joint; the thumb closes against them."""
        skeleton, held = self.skeleton, self.rotation(f"hand_{side}")
        for finger in FINGERS:
            rotation = held
            along = skeleton.at(f"{finger}_02_{side}") - skeleton.at(f"{finger}_01_{side}")
            hinge = np.cross(along, skeleton.palms[side])
            for part in ("01", "02", "03"):
                rotation = rotation @ about(hinge, curl)
                self.put(f"{finger}_{part}_{side}", rotation)
        self.thumb(side, curl)

    def thumb(self, side: str, curl: float) -> None:
        """Bring the thumb before the palm and over what it holds."""
        skeleton, rotation = self.skeleton, self.rotation(f"hand_{side}")
        along = skeleton.at(f"thumb_03_{side}") - skeleton.at(f"thumb_01_{side}")
        across = skeleton.at(f"pinky_01_{side}") - skeleton.at(f"index_01_{side}")
        to_palm, over_it = np.cross(along, skeleton.palms[side]), np.cross(skeleton.palms[side], across)
        for part, hinge, share in zip(("01", "02", "03"), (to_palm, over_it, over_it), THUMB_SHARES, strict=True):
            rotation = rotation @ about(hinge, share * (curl + THUMB_BENT))
            self.put(f"thumb_{part}_{side}", rotation)
