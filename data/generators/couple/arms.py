"""Two upper bodies in, hands that meet or swing out: what holds.py is written with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.generators.couple.geometry import UP, Vector, unit, vector, within_reach
from data.generators.couple.skeleton import Chest, Hand

GRIP = 0.075  # metres from a wrist to the middle of the held hands
Hands = tuple[Hand, Hand]  # the lead's, the follow's


@dataclass(frozen=True)
class Arm:
    """One dancer's arm of a contact: the side's sign, the chest it hangs on, where it begins, how far it reaches."""

    sign: float
    chest: Chest
    shoulder: Vector
    reach: float

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


@dataclass(frozen=True)
class Contact:
    """The two arms that may meet, at a count; `way` is the level direction from the lead to the follow."""

    lead: Arm
    follow: Arm
    way: Vector
    count: float


def joined(contact: Contact, point: Vector, elbows: tuple[Vector, Vector], palms: tuple[Vector, Vector]) -> Hands:
    """Both hands at `point`, or where both arms come nearest to it."""
    lead, follow = contact.lead, contact.follow
    for _ in range(6):
        point = within_reach(point, follow.shoulder, 0.0, follow.reach + GRIP)
        point = within_reach(point, lead.shoulder, 0.0, lead.reach + GRIP)
    wrists = [point + unit(arm.shoulder - point) * GRIP for arm in (lead, follow)]
    return Hand(wrists[0], elbows[0], palms[0], 0.55), Hand(wrists[1], elbows[1], palms[1], 0.45)


def low_joined(contact: Contact, height: float, out: float = 0.0) -> Hands:
    """Hands held between the dancers: his palm up, hers down into it."""
    point = (contact.lead.shoulder + contact.follow.shoulder) / 2 + contact.lead.direction(out, 0, 0)
    point[1] = height + 0.008 * np.sin(contact.count * np.pi)
    elbows = contact.lead.elbow(), contact.follow.elbow()
    return joined(
        contact, point, elbows, (UP + contact.lead.direction(-0.6, 0, 0), -UP + contact.follow.direction(-0.3, 0, 0))
    )


def swinging(arm: Arm, count: float) -> Hand:
    """A free arm, bent, that moves with the steps."""
    swing = 0.05 * float(np.sin((count + 0.5) * np.pi)) * arm.sign
    return Hand(arm.from_shoulder(0.16, -0.36, 0.20 + swing), arm.elbow(), arm.direction(-1, -0.2, 0), 0.4)
