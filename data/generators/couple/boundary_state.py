"""Measure the state of the couple at a count on the posed bodies: hold, joined hands, facing and free feet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.generators.couple.couple import Couple
from data.generators.couple.footwork import OTHER, Footwork
from data.generators.couple.geometry import Vector
from data.generators.couple.posing import pose
from data.generators.couple.skeleton import SIDES, Bones, Chest
from schemas.base import Hold
from schemas.boundary import Facing, Side

SIDE_NAMES: dict[str, Side] = {"l": "left", "r": "right"}
Chests = tuple[Chest, Chest]  # the lead's, the follow's
MAX_JOINED_M = 0.14  # between the middles of two palms: in these moves they are within 0.12 m or more than 0.18 m apart
MAX_FROM_SPINE_M = 0.22  # of a palm that lies on a body
MAX_BEHIND_M = 0.32  # between her spine and a palm behind her back
MIN_BEHIND_M = 0.05
MAX_SAME_WAY_DEG, MIN_OPPOSITE_DEG = 60, 120
IN_THE_AIR_COUNTS = 0.38  # before a step lands, its foot is highest
BEFORE_SHIFT_COUNTS = 0.6  # before a step lands, the weight begins to move
MIN_LIFT_M = 0.01


@dataclass(frozen=True)
class Moment:
    """The couple at a count: the posed bones and the upper bodies, the lead's first."""

    couple: Couple
    bones: tuple[Bones, Bones]
    chests: Chests

    def palms(self, dancer: int) -> dict[str, Vector]:
        """Return the middles of a dancer's palms, left and right."""
        return {side: self.couple.bodies[dancer].palm_middle(side, self.bones[dancer]) for side in SIDES}


def moment(couple: Couple, count: float) -> Moment:
    """Return the couple at a continuous count: 1.0 is the first beat."""
    lead, follow = (pose(body, stance) for body, stance in zip(couple.bodies, couple.stances(count), strict=True))
    return Moment(couple, (lead, follow), chests(couple, count))


def chests(couple: Couple, count: float) -> Chests:
    """Return the upper bodies at a count."""
    lead, follow = (body.chest(stance) for body, stance in zip(couple.bodies, couple.stances(count), strict=True))
    return lead, follow


def headings_deg(chests: Chests) -> tuple[float, float]:
    """Return where the chests point: 0 to the camera, 90 to the right edge of the picture."""
    lead, follow = (float(np.degrees(np.arctan2(*chest.rotation[[0, 2], 2]))) % 360 for chest in chests)
    return lead, follow


def joined_hands(now: Moment) -> list[tuple[Side, Side]]:
    """Return the pairs of joined hands: the lead's hand, the follow's hand."""
    his, hers = now.palms(0), now.palms(1)
    return [
        (SIDE_NAMES[one], SIDE_NAMES[other])
        for one in SIDES
        for other in SIDES
        if np.linalg.norm(his[one] - hers[other]) < MAX_JOINED_M
    ]


def facing(now: Moment) -> Facing:
    """Return how the two stand to each other."""
    lead, follow = np.radians(headings_deg(now.chests))
    between_deg = np.degrees(np.arccos(np.clip(np.cos(lead - follow), -1, 1)))
    if between_deg < MAX_SAME_WAY_DEG:
        return "same_way"
    if between_deg < MIN_OPPOSITE_DEG:
        return "across"
    to_follow = now.chests[1].position - now.chests[0].position
    return "face_to_face" if now.chests[0].rotation[:, 2] @ to_follow > 0 else "back_to_back"


def hold(now: Moment) -> Hold:
    """Return the hold. None of the moves has a wrap, or dancers side by side."""
    pairs = joined_hands(now)
    if any(_is_behind_her_back(now, her) for _, her in pairs):
        return "hammerlock"
    if min(np.linalg.norm(_from_her_spine(now, palm)) for palm in now.palms(0).values()) < MAX_FROM_SPINE_M:
        return "shadow" if facing(now) == "same_way" else "closed"
    if len(pairs) == 2:
        return "crossed_hands" if all(his == her for his, her in pairs) else "open_two_hands"
    return "open_one_hand" if pairs else "none"


def free_foot(footwork: Footwork, count: int) -> Side | None:
    """Return the foot that steps on a count, or else the one that bore no weight until then; None if both bore some."""
    in_the_air = footwork.at(count - IN_THE_AIR_COUNTS).feet
    weight = footwork.at(count - BEFORE_SHIFT_COUNTS).weight
    stepping = [side for side in SIDES if in_the_air[side].lift > MIN_LIFT_M]
    resting = [OTHER["l" if weight < 0 else "r"]] if abs(weight) > 0.5 else []
    return next((SIDE_NAMES[side] for side in [*stepping, *resting]), None)


def _from_her_spine(now: Moment, point: Vector) -> Vector:
    """Return the offset of a point from the nearest point of her spine, in her chest's frame: left, up, ahead."""
    number, positions = now.couple.bodies[1].number, now.bones[1].positions
    low, high = positions[number["pelvis"]], positions[number["neck_01"]]
    along = high - low
    share = min(max(float((point - low) @ along / (along @ along)), 0.0), 1.0)
    offset: Vector = now.chests[1].rotation.T @ (point - low - share * along)
    return offset


def _is_behind_her_back(now: Moment, side: Side) -> bool:
    """Return whether one of her hands is below her neck, behind her, and on the other arm's side of the spine."""
    left, up, ahead = _from_her_spine(now, now.palms(1)[side[0]])
    crosses, low = left * SIDES[side[0]] < 0, up < MIN_BEHIND_M
    return bool(crosses and low and ahead < -MIN_BEHIND_M and np.linalg.norm((left, up, ahead)) < MAX_BEHIND_M)
