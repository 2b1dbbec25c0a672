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
    unit,
    within_reach,
)
from data.generators.couple.skeleton import (
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

FINGERS = ("index", "middle", "ring", "pinky")
MOST_BENT = 0.35  # of an arm's length


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
        shoulder = self.shoulder(side, hand.wrist)
        wrist = within_reach(hand.wrist, shoulder, MOST_BENT * sum(skeleton.arm), skeleton.reach())
        upper, lower = two_bones(shoulder, wrist, skeleton.arm, hand.elbow)
        hinge = np.cross(upper, lower)
        if np.linalg.norm(hinge) < 1e-5:
            hinge = np.cross(upper, -hand.elbow)
        names = (f"upperarm_{side}", f"lowerarm_{side}", f"hand_{side}")
        first, second = (skeleton.at(b) - skeleton.at(a) for a, b in pairwise(names))
        self.limb(names, (upper, lower), hinge, np.cross(first, second))
        self.wrist(side, lower, hand)

    def shoulder(self, side: str, wrist: Vector) -> Vector:
        """The shoulder blade follows the arm up and forward (a third of what the arm does); where the arm begins."""
        chest, sign = self.rotation("spine_03"), SIDES[side]
        self.put(f"clavicle_{side}", chest)
        towards = chest.T @ unit(wrist - self.put(f"upperarm_{side}", chest))
        rise = float(np.clip((towards[1] + 0.15) * 0.45, -0.05, 0.42))
        self.put(f"clavicle_{side}", chest @ about_z(sign * rise) @ about_y(-sign * 0.22 * towards[2]))
        return self.put(f"upperarm_{side}", chest)

    def wrist(self, side: str, along: Vector, hand: Hand) -> None:
        """Turn the forearm so that the palm looks where it should, and close the fingers."""
        straight = self.rotation(f"lowerarm_{side}").copy()
        turn = 0.0
        if hand.palm is not None:
            wanted = angle_about(along, straight @ self.skeleton.palms[side], hand.palm)
            turn = wanted * (
                1 - (wanted / np.pi) ** 4
            )  # nearly all of it, but no jump where it would turn the other way
        self.put(f"lowerarm_{side}", about(along, 0.4 * turn) @ straight)
        self.put(f"hand_{side}", about(along, turn) @ straight)
        self.fingers(side, hand.curl)

    def fingers(self, side: str, curl: float) -> None:
        """Bend the four fingers by `curl` radians a joint; the thumb goes with the hand."""
        skeleton, held = self.skeleton, self.rotation(f"hand_{side}")
        for finger in FINGERS:
            rotation = held
            along = skeleton.at(f"{finger}_02_{side}") - skeleton.at(f"{finger}_01_{side}")
            hinge = np.cross(along, skeleton.palms[side])
            for part in ("01", "02", "03"):
                rotation = rotation @ about(hinge, curl)
                self.put(f"{finger}_{part}_{side}", rotation)
        for part in ("01", "02", "03"):
            self.put(f"thumb_{part}_{side}", held)
