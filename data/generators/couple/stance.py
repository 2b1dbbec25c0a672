"""Compute a dancer's stance on the floor, without the arms, from footing and accents."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from data.generators.couple.footwork import FootAt, Footing, heel_position
from data.generators.couple.geometry import Vector, about_y, unit, vector, within_pi
from data.generators.couple.skeleton import Foot, Skeleton, Stance, pelvis_rotation

PELVIS_BEHIND_M = 0.035
TOES_OUT_RAD = 0.10
SOLE_M = 0.008  # thickness of the shoe under the foot
MAX_LOOK_RAD, LOOK_FADES_RAD = 0.9, 1.9  # of a neck's turn; beyond LOOK_FADES_RAD the partner is behind
SOFT_MIN_PER_M = 60.0  # sharpness of the soft minimum of both legs' heights, which limits the pelvis' height


@dataclass(frozen=True)
class Accent:
    """A move's additions to the basic posture. Radians, and metres for `drop` (down) and `shift` (on the floor)."""

    bend: tuple[float, float, float] = (0.0, 0.0, 0.0)  # of the three spine joints, forward
    lean: float = 0.0
    twist: float = 0.0
    tilt: float = 0.0
    roll: float = 0.0
    neck: float = 0.0
    nod: float = 0.0
    drop: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)  # to the dancer's left, and forward


PLAIN = Accent()


@dataclass(frozen=True)
class Floor:
    """The couple's frame on the floor: `axis` is the yaw of +a, `origin` its x and z."""

    axis: float
    origin: tuple[float, float] = (0.0, 0.0)

    def point(self, a: float, b: float) -> Vector:
        """Return a point of the couple's frame on the floor."""
        sine, cosine = np.sin(self.axis), np.cos(self.axis)
        return vector(self.origin[0] + a * sine + b * cosine, 0.0, self.origin[1] + a * cosine - b * sine)


def stance(skeleton: Skeleton, footing: Footing, floor: Floor, hip: float, accent: Accent = PLAIN) -> Stance:
    """Return the dancer's stance on the floor; `hip` scales the hips' motion (1 is a bachata basic)."""
    yaw = floor.axis + footing.position[2]
    roll = (-0.125 * footing.weight * (1 - abs(footing.pop)) + 0.11 * footing.pop) * hip
    twist = 0.12 * footing.weight * hip
    feet = {side: placed(skeleton, side, foot, floor) for side, foot in footing.feet.items()}
    posed = Stance(
        pelvis=over_feet(footing, floor, yaw),
        yaw=yaw,
        hip_roll=roll + accent.roll,
        hip_twist=twist,
        hip_tilt=0.02 + accent.tilt,
        spine=spine(roll + accent.roll, twist, accent),
        neck=vector(0.03 + accent.neck, 0, 0),
        head=vector(0.03 + accent.nod, 0, 0),
        feet=feet,
    )
    posed.pelvis = posed.pelvis + about_y(yaw) @ vector(accent.shift[0], 0, accent.shift[1])
    posed.pelvis[1] = pelvis_height(skeleton, posed, footing.weight) - accent.drop
    return posed


def placed(skeleton: Skeleton, side: str, foot: FootAt, floor: Floor) -> Foot:
    """Return a foot of the couple's frame on the floor."""
    yaw = floor.axis + foot.position[2] + (TOES_OUT_RAD if side == "l" else -TOES_OUT_RAD)
    ball = floor.point(foot.position[0], foot.position[1])
    ball[1] = skeleton.at(f"ball_{side}")[1] + SOLE_M + foot.lift
    return Foot(ball, yaw, max(skeleton.heel_pitch, foot.pitch))


def over_feet(footing: Footing, floor: Floor, yaw: float) -> Vector:
    """Return the point of the floor below the pelvis: towards the foot that bears the weight."""
    left, right = (floor.point(*heel_position(footing.feet[side].position)[:2]) for side in "lr")
    return (left + right) / 2 + (right - left) / 2 * footing.weight * 0.62 - about_y(yaw)[:, 2] * PELVIS_BEHIND_M


def spine(roll: float, twist: float, accent: Accent) -> tuple[Vector, Vector, Vector]:
    """Return the spine's angles, which compensate the hips' motion so that the shoulders stay calm."""
    shares = ((0.0, 0.45, 0.55, 0.3, 0.3), (0.0, 0.40, 0.42, 0.35, 0.4), (-0.015, 0.20, 0.18, 0.35, 0.3))
    joints = [
        vector(upright + bend, -twist * against + accent.twist * own, -roll * level + accent.lean * side)
        for bend, (upright, against, level, own, side) in zip(accent.bend, shares, strict=True)
    ]
    return joints[0], joints[1], joints[2]


def pelvis_height(skeleton: Skeleton, posed: Stance, weight: float) -> float:
    """Return the height at which the standing leg is nearly straight; the free leg may bend its knee."""
    rotation = pelvis_rotation(posed)
    heights: list[float] = []
    for side, share in (("l", max(0.0, 0.5 - 0.5 * weight)), ("r", max(0.0, 0.5 + 0.5 * weight))):
        ankle = skeleton.ankle(side, posed.feet[side])
        hip = rotation @ (skeleton.at(f"thigh_{side}") - skeleton.at("pelvis"))
        away = (posed.pelvis + hip - ankle)[[0, 2]]
        longest = sum(skeleton.leg) * (0.993 if share > 0.5 else 0.996)
        height = ankle[1] + math.sqrt(max(longest**2 - float(away @ away), 0.04)) - hip[1]
        heights.append(float(height) + 0.05 * (1 - min(1.0, share * 2)))
    lowest: float = min(heights)
    powers = np.exp(np.array([SOFT_MIN_PER_M * (lowest - height) for height in heights]))
    soft = lowest - float(np.log(np.sum(powers))) / SOFT_MIN_PER_M
    return float(min(soft, skeleton.at("pelvis")[1] + SOLE_M + skeleton.heel_rise)) - 0.006


def look_at(one: Stance, other: Stance, share: float, nod: float) -> None:
    """Turn the head of `one` towards `other` by `share` of the angle, unless the other is behind."""
    offset = other.pelvis - one.pelvis
    angle = within_pi(float(np.arctan2(offset[0], offset[2])) - one.yaw)
    fade = max(0.0, 1 - max(0.0, abs(angle) - LOOK_FADES_RAD) / 0.8)
    turn = float(np.clip(angle, -MAX_LOOK_RAD, MAX_LOOK_RAD)) * share * fade
    one.neck = one.neck + vector(0, 0.4 * turn, 0)
    one.head = one.head + vector(nod, 0.6 * turn, 0)


def towards(one: Vector, other: Vector) -> Vector:
    """Return the horizontal direction from one position to another."""
    return unit((other - one) * (1.0, 0.0, 1.0))
