"""How well the end of one part of a clip fits the start of another: the amounts of each rule's fault at a cut."""

from __future__ import annotations

from typing import Final

import numpy as np

from agents.arrays import Floats, Ints
from agents.dance.rules import Rules
from agents.dance.states import FACINGS, HOLDS, UNKNOWN, States
from schemas.limits import POSE_VALUES

UNKNOWN_CHANCE: Final = 0.5  # of a difference, where one of the two is not known: neither in favour nor against
# Errors of one couple and camera are alike: of boundaries that were found to be equal, however unsure, at most about
# two fifths differ by labels (hold .33 to .46, facing .20 to .47, where independent errors give .4 to .8).
_MOST_OF_EQUAL = 0.4
_UNKNOWN_POSE, _UNKNOWN_MOVE = 0.5, 0.5
_FEET, _MIN_JOINED = 2, 0.5
_QUARTER_PICTURE, _THIRD = 0.25, 0.29  # the second one: ln(4/3)
_ONE_HANDED: Final = HOLDS.index("open_one_hand")


def seam_amounts(ends: States, starts: States, rules: Rules) -> dict[str, Floats]:
    """Return for each rule of a cut the amounts of its fault, (ends, starts).

    `ends`: the couple where a part ends; `starts`: where the next one begins. Rules: `hold`, `foot`, `facing`,
    `velocity`, `place` and `pose`.
    """
    return {
        "hold": _hold(ends, starts),
        "foot": _foot(ends, starts),
        "facing": _facing(ends, starts),
        "velocity": _velocity(ends, starts, rules["velocity"].limit),
        "place": _place(ends, starts, rules["place"].limit),
        "pose": _pose(ends, starts, rules["pose"].limit),
    }


def chance_of_difference(before: Ints, after: Ints, sure_before: Floats, sure_after: Floats, values: int) -> Floats:
    """Return the chance that two values differ, (before, after); UNKNOWN_CHANCE where one is not known.

    `values`: how many different ones there are. A value that is wrong is each other one with the same chance. Of equal
    values the chance is at most _MOST_OF_EQUAL.
    """
    one, two = sure_before[:, None], sure_after[None]
    both_wrong = (1 - one) * (1 - two) / (values - 1)
    one_wrong = (one * (1 - two) + two * (1 - one) + (1 - one) * (1 - two) * (values - 2) / (values - 1)) / (values - 1)
    equal = before[:, None] == after[None]
    same = np.where(equal, np.maximum(one * two + both_wrong, 1 - _MOST_OF_EQUAL), one_wrong)
    known = (before != UNKNOWN)[:, None] & (after != UNKNOWN)[None]
    chance: Floats = np.where(known, 1.0 - same, UNKNOWN_CHANCE)
    return chance


def _hold(ends: States, starts: States) -> Floats:
    chance = chance_of_difference(ends.hold, starts.hold, ends.hold_confidence, starts.hold_confidence, len(HOLDS))
    one_handed = (ends.hold == _ONE_HANDED)[:, None] & (starts.hold == _ONE_HANDED)[None]
    if not one_handed.any():
        return chance
    other_hands = _other_hands(ends.hands, starts.hands)
    return np.where(one_handed, np.maximum(chance, other_hands), chance)


def _other_hands(before: Floats, after: Floats) -> Floats:
    """Return the chance that other hands are joined, of two holds with one hand each."""
    one, two = before.argmax(axis=1), after.argmax(axis=1)
    sure_one, sure_two = before.max(axis=1), after.max(axis=1)
    differ = one[:, None] != two[None]
    chance: Floats = np.where(differ, sure_one[:, None] * sure_two[None], 0.0)
    return chance


def _foot(ends: States, starts: States) -> Floats:
    """Return the greater chance of both dancers."""
    lead, follow = (
        chance_of_difference(
            ends.foot[:, n], starts.foot[:, n], ends.foot_confidence[:, n], starts.foot_confidence[:, n], _FEET
        )
        for n in (0, 1)
    )
    greater: Floats = np.maximum(lead, follow)
    return greater


def _facing(ends: States, starts: States) -> Floats:
    """Return the greater of the chance that they face each other differently, and of the turns to the camera."""
    chance = chance_of_difference(
        ends.facing, starts.facing, ends.facing_confidence, starts.facing_confidence, len(FACINGS)
    )
    turn = np.abs((ends.heading[:, None] - starts.heading[None] + 180.0) % 360.0 - 180.0) / 180.0
    sure = ends.facing_confidence[:, None] * starts.facing_confidence[None]
    greater: Floats = np.fmax(chance, sure * np.fmax(turn[..., 0], turn[..., 1]))
    return greater


def _velocity(ends: States, starts: States, limit: float) -> Floats:
    apart = ends.velocity[:, None] - starts.velocity[None]
    per_dancer = np.hypot(apart[..., 0], apart[..., 1])
    return _filled(np.minimum(np.fmax(per_dancer[..., 0], per_dancer[..., 1]), limit), _UNKNOWN_MOVE)


def _place(ends: States, starts: States, limit: float) -> Floats:
    jump = np.abs(ends.centre[:, None, 0] - starts.centre[None, :, 0]) / _QUARTER_PICTURE
    size = np.abs(np.log(ends.height[:, None] / starts.height[None])) / _THIRD
    return _filled(np.minimum(np.fmax(jump, size), limit), _UNKNOWN_MOVE)


def _pose(ends: States, starts: States, limit: float) -> Floats:
    """Return the root of the mean squared distance of the joints, torso lengths."""
    known_ends, known_starts = np.nan_to_num(ends.pose), np.nan_to_num(starts.pose)
    squares = (known_ends**2).sum(axis=1)[:, None] + (known_starts**2).sum(axis=1)[None]
    distances = np.sqrt(np.maximum(squares - 2 * known_ends @ known_starts.T, 0.0) / (POSE_VALUES / 2))
    no_end, no_start = (np.isnan(states.pose[:, 0]) for states in (ends, starts))
    unknown = no_end[:, None] | no_start[None]
    amount: Floats = np.where(unknown, _UNKNOWN_POSE, np.minimum(distances, limit))
    return amount


def _filled(values: Floats, unknown: float) -> Floats:
    filled: Floats = np.where(np.isnan(values), unknown, values)
    return filled
