"""Compute pairs of hands that are joined or swing freely; holds.py is built on it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data.generators.couple.geometry import UP, Vector, unit, vector, within_reach
from data.generators.couple.skeleton import Chest, Hand

PALM_GAP_M = 0.030  # between the bones of two palms that touch
HIS_GRIP_M, HER_GRIP_M = 0.030, 0.070  # from the middle of the palm towards the fingers, where the other hand lies
MIN_REACH_SHARE = 0.36  # of an arm's reach: the smallest distance between shoulder and wrist
FIT_ITERATIONS = 12  # the two arms limit the shift in turn
Hands = tuple[Hand, Hand]  # the lead's, the follow's


@dataclass(frozen=True)
class Arm:
    """One dancer's arm of a contact.

    `sign` is +1 on the left side and -1 on the right, `chest` the upper body it hangs on, `shoulder` its first joint,
    `reach` the distance from shoulder to wrist when straight, `palm` the distance from the wrist to the middle of the
    palm (metres).
    """

    sign: float
    chest: Chest
    shoulder: Vector
    reach: float
    palm: float  # from the wrist to the middle of the palm

    def from_shoulder(self, out: float, up: float, ahead: float) -> Vector:
        """Return a point relative to the shoulder in the chest's frame; `out` is away from the body."""
        return self.shoulder + self.chest.rotation @ vector(self.sign * out, up, ahead)

    def direction(self, out: float, up: float, ahead: float) -> Vector:
        """Return a direction given in the chest's frame."""
        turned: Vector = self.chest.rotation @ vector(self.sign * out, up, ahead)
        return turned

    def elbow(self) -> Vector:
        """Return the default direction of the elbow: down, out and back."""
        return self.direction(0.55, -0.75, -0.30)

    def shift_to_reach(self, position: Vector, fingers: Vector) -> Vector:
        """Return the shift that brings a hand's position within reach of the arm."""
        wrist = position - fingers * self.palm
        return within_reach(wrist, self.shoulder, MIN_REACH_SHARE * self.reach, self.reach) - wrist


@dataclass(frozen=True)
class Contact:
    """Two arms that may join, at a count; `to_follow` is the horizontal direction from the lead to the follow."""

    lead: Arm
    follow: Arm
    to_follow: Vector
    count: float


@dataclass(frozen=True)
class Grip:
    """How two hands hold each other: his palm's normal (hers is opposite), both hands' fingers, elbows and curls."""

    palm: Vector
    fingers: tuple[Vector, Vector]
    elbows: tuple[Vector, Vector]
    curls: tuple[float, float] = (0.70, 0.26)
    slide: tuple[float, float] = (HIS_GRIP_M, HER_GRIP_M)


def joined(contact: Contact, point: Vector, grip: Grip) -> Hands:
    """Return the hands palm on palm at `point`, or at the point nearest to it that both arms reach."""
    his, hers = (unit(direction) for direction in grip.fingers)
    palm = unit(grip.palm - his * np.dot(his, grip.palm))
    offs = -his * grip.slide[0] - palm * PALM_GAP_M / 2, -hers * grip.slide[1] + palm * PALM_GAP_M / 2
    hands = (
        Hand(point + offs[0], grip.elbows[0], palm, grip.curls[0], his),
        Hand(point + offs[1], grip.elbows[1], -palm, grip.curls[1], hers),
    )
    return together(contact, hands)


def together(contact: Contact, hands: Hands) -> Hands:
    """Return joined hands, both moved by the same shift to where both arms reach, or as near as possible."""
    shift = vector(0, 0, 0)
    for _ in range(FIT_ITERATIONS):
        for arm, hand in zip((contact.follow, contact.lead), hands[::-1], strict=True):
            fingers = unit(hand.position - arm.shoulder if hand.fingers is None else hand.fingers)
            shift = shift + arm.shift_to_reach(hand.position + shift, fingers)
    return replace(hands[0], position=hands[0].position + shift), replace(hands[1], position=hands[1].position + shift)


def low_joined(contact: Contact, height: float, out: float = 0.0) -> Hands:
    """Return hands joined between the dancers: his palm up, hers down on it, fingers crossed so that both can close."""
    lead, follow = contact.lead, contact.follow
    point = (lead.shoulder + follow.shoulder) / 2 + lead.direction(out, 0, 0)
    point[1] = height + 0.008 * np.sin(contact.count * np.pi)
    fingers = contact.to_follow + lead.direction(-0.60, 0.15, 0), -contact.to_follow + follow.direction(-0.35, -0.10, 0)
    return joined(contact, point, Grip(UP + lead.direction(-0.25, 0, 0), fingers, (lead.elbow(), follow.elbow())))


def swinging(arm: Arm, count: float) -> Hand:
    """Return a free, bent arm that swings with the steps."""
    swing = 0.05 * float(np.sin((count + 0.5) * np.pi)) * arm.sign
    return Hand(arm.from_shoulder(0.14, -0.38, 0.26 + swing), arm.elbow(), arm.direction(-1, -0.4, 0), 0.4)
