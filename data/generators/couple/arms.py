"""Two upper bodies in, hands that meet or swing out: what holds.py is written with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from data.generators.couple.geometry import UP, Vector, unit, vector, within_reach
from data.generators.couple.skeleton import Chest, Hand

THICK = 0.030  # metres between the bones of two palms that touch
HIS_GRIP, HER_GRIP = 0.030, 0.070  # from the middle of the palm towards the fingers, where the other hand lies
NEAREST = 0.36  # of an arm's reach: how near to the shoulder a wrist may come
FITTINGS = 12
Hands = tuple[Hand, Hand]  # the lead's, the follow's


@dataclass(frozen=True)
class Arm:
    """One dancer's arm of a contact: the side's sign, the chest it hangs on, where it begins, how far it reaches."""

    sign: float
    chest: Chest
    shoulder: Vector
    reach: float
    palm: float  # from the wrist to the middle of the palm

    def from_shoulder(self, out: float, up: float, ahead: float) -> Vector:
        """A point in the chest's directions from the shoulder; `out` is away from the body."""
        return self.shoulder + self.chest.rotation @ vector(self.sign * out, up, ahead)

    def direction(self, out: float, up: float, ahead: float) -> Vector:
        """A direction in the chest's frame."""
        turned: Vector = self.chest.rotation @ vector(self.sign * out, up, ahead)
        return turned

    def elbow(self) -> Vector:
        """Where the elbow points when nothing else is said: down, out and back."""
        return self.direction(0.55, -0.75, -0.30)

    def missing(self, place: Vector, fingers: Vector) -> Vector:
        """How a hand's place must move for the arm to reach it."""
        wrist = place - fingers * self.palm
        return within_reach(wrist, self.shoulder, NEAREST * self.reach, self.reach) - wrist


@dataclass(frozen=True)
class Contact:
    """The two arms that may meet, at a count; `way` is the level direction from the lead to the follow."""

    lead: Arm
    follow: Arm
    way: Vector
    count: float


@dataclass(frozen=True)
class Grip:
    """How two hands hold each other: where his palm looks (hers looks against it), fingers, elbows and curls."""

    palm: Vector
    fingers: tuple[Vector, Vector]
    elbows: tuple[Vector, Vector]
    curls: tuple[float, float] = (0.70, 0.26)
    slide: tuple[float, float] = (HIS_GRIP, HER_GRIP)


def joined(contact: Contact, point: Vector, grip: Grip) -> Hands:
    """Palm on palm at `point`, or where both arms come nearest to it."""
    his, hers = (unit(direction) for direction in grip.fingers)
    palm = unit(grip.palm - his * np.dot(his, grip.palm))
    offs = -his * grip.slide[0] - palm * THICK / 2, -hers * grip.slide[1] + palm * THICK / 2
    hands = (
        Hand(point + offs[0], grip.elbows[0], palm, grip.curls[0], his),
        Hand(point + offs[1], grip.elbows[1], -palm, grip.curls[1], hers),
    )
    return together(contact, hands)


def together(contact: Contact, hands: Hands) -> Hands:
    """Held hands moved as one to where both arms reach, or come nearest to it."""
    shift = vector(0, 0, 0)
    for _ in range(FITTINGS):
        for arm, hand in zip((contact.follow, contact.lead), hands[::-1], strict=True):
            fingers = unit(hand.place - arm.shoulder if hand.fingers is None else hand.fingers)
            shift = shift + arm.missing(hand.place + shift, fingers)
    return replace(hands[0], place=hands[0].place + shift), replace(hands[1], place=hands[1].place + shift)


def low_joined(contact: Contact, height: float, out: float = 0.0) -> Hands:
    """Hands held between the dancers: his palm up, hers down into it, the fingers crossing so that both can close."""
    lead, follow = contact.lead, contact.follow
    point = (lead.shoulder + follow.shoulder) / 2 + lead.direction(out, 0, 0)
    point[1] = height + 0.008 * np.sin(contact.count * np.pi)
    fingers = contact.way + lead.direction(-0.60, 0.15, 0), -contact.way + follow.direction(-0.35, -0.10, 0)
    return joined(contact, point, Grip(UP + lead.direction(-0.25, 0, 0), fingers, (lead.elbow(), follow.elbow())))


def swinging(arm: Arm, count: float) -> Hand:
    """A free arm, bent, that moves with the steps."""
    swing = 0.05 * float(np.sin((count + 0.5) * np.pi)) * arm.sign
    return Hand(arm.from_shoulder(0.14, -0.38, 0.26 + swing), arm.elbow(), arm.direction(-1, -0.4, 0), 0.4)
