"""The couple at the ends of the parts of clips, as arrays: one row for each state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, get_args

import numpy as np

from agents.arrays import Floats, Ints
from schemas.base import Hold
from schemas.boundary import Boundary, DancerState, Facing
from schemas.limits import POSE_VALUES

HOLDS: Final[tuple[Hold, ...]] = get_args(Hold)
FACINGS: Final[tuple[Facing, ...]] = get_args(Facing)
UNKNOWN: Final = -1
_LEFT, _RIGHT = 0, 1
_SIDES: Final = {"left": _LEFT, "right": _RIGHT}
_NOSE, _PAIRS = (
    1,
    6,
)  # joints of a pose: the nose, then left and right of shoulders, elbows, wrists, hips, knees, ankles
_MIRRORED_JOINTS: Final = [0, *(1 + (joint ^ 1) for joint in range(2 * _PAIRS))]


@dataclass(frozen=True)
class State:
    """A couple on a beat of a clip: what is known of it there, and whether the clip is mirrored."""

    boundary: Boundary | None
    pose: tuple[float, ...] = ()
    mirrored: bool = False


@dataclass(frozen=True)
class States:
    """States as arrays, (states, …); UNKNOWN or NaN where nothing is known.

    `hold`, `facing`: indices of HOLDS and FACINGS. `hands`: chance that a hand of the lead (left, right) holds a hand
    of the follow (left, right), (states, 4). Of lead and follow: `foot`, the free one, 0 left, 1 right; `heading`,
    degrees; `velocity` of the hips, torso lengths per second. `centre`: x and y in the picture, 0-1; `height` likewise.
    `pose`: x and y of 13 joints of both, torso lengths.
    """

    hold: Ints
    hold_confidence: Floats
    hands: Floats
    facing: Ints
    facing_confidence: Floats
    foot: Ints
    foot_confidence: Floats
    heading: Floats
    velocity: Floats
    centre: Floats
    height: Floats
    pose: Floats

    def rows(self, rows: Ints) -> States:
        """Return the states of these rows."""
        return States(**{name: values[rows] for name, values in vars(self).items()})

    def joined(self, others: States) -> States:
        """Return these states and then others."""
        return States(**{name: np.concatenate([values, getattr(others, name)]) for name, values in vars(self).items()})

    def in_less_memory(self) -> States:
        """Return the states with four bytes for each number that is not counted in whole ones."""
        return States(
            **{
                name: values.astype(np.float32) if values.dtype == np.float64 else values
                for name, values in vars(self).items()
            }
        )


def states_of(states: Sequence[State]) -> States:
    """Return states as arrays, those of mirrored clips as they look in the mirror."""
    boundaries = [state.boundary or Boundary(beat=0) for state in states]
    dancers = [(boundary.lead, boundary.follow) for boundary in boundaries]
    plain = States(
        hold=np.array([_index(HOLDS, boundary.hold) for boundary in boundaries], np.int64),
        hold_confidence=np.array([boundary.hold_confidence for boundary in boundaries]),
        hands=np.array([_hands(boundary) for boundary in boundaries]).reshape(-1, 4),
        facing=np.array([_index(FACINGS, boundary.facing) for boundary in boundaries], np.int64),
        facing_confidence=np.array([boundary.facing_confidence for boundary in boundaries]),
        foot=np.array([[_foot(one) for one in both] for both in dancers], np.int64).reshape(-1, 2),
        foot_confidence=np.array(
            [[one.free_foot_confidence if one else 0.0 for one in both] for both in dancers]
        ).reshape(-1, 2),
        heading=np.array([[one.heading_deg if one else np.nan for one in both] for both in dancers]).reshape(-1, 2),
        velocity=np.array([[_velocity(one) for one in both] for both in dancers]).reshape(-1, 2, 2),
        centre=np.array([boundary.centre or (np.nan, np.nan) for boundary in boundaries]).reshape(-1, 2),
        height=np.array([boundary.height or np.nan for boundary in boundaries], float),
        pose=np.array([state.pose or (np.nan,) * POSE_VALUES for state in states]).reshape(-1, POSE_VALUES),
    )
    return _mirrored(plain, np.array([state.mirrored for state in states], bool))


def _index(names: Sequence[str], name: str | None) -> int:
    return UNKNOWN if name is None else names.index(name)


def _foot(dancer: DancerState | None) -> int:
    return UNKNOWN if dancer is None or dancer.free_foot is None else _SIDES[dancer.free_foot]


def _velocity(dancer: DancerState | None) -> tuple[float, float]:
    return (np.nan, np.nan) if dancer is None or dancer.hip_velocity is None else dancer.hip_velocity


def _hands(boundary: Boundary) -> list[float]:
    """Return the chances of left-left, left-right, right-left and right-right, the lead's hand first."""
    chances = [0.0] * 4
    for joined in boundary.hands:
        chances[2 * _SIDES[joined.lead] + _SIDES[joined.follow]] = joined.confidence
    return chances


def _mirrored(states: States, mirrored: np.ndarray) -> States:
    if not mirrored.any():
        return states
    one, two = mirrored[:, None], mirrored[:, None, None]
    known = states.foot != UNKNOWN
    other_side = np.array([-1.0, 1.0])
    pose = states.pose.reshape(len(mirrored), 2, -1, 2)
    in_mirror = (pose[:, :, _MIRRORED_JOINTS] * other_side).reshape(states.pose.shape)
    centre = states.centre.copy()
    centre[:, 0] = np.where(mirrored, 1.0 - centre[:, 0], centre[:, 0])
    return States(
        **vars(states)
        | {
            "hands": np.where(one, states.hands[:, ::-1], states.hands),
            "foot": np.where(one & known, 1 - states.foot, states.foot),
            "heading": np.where(one, (360.0 - states.heading) % 360.0, states.heading),
            "velocity": np.where(two, states.velocity * other_side, states.velocity),
            "centre": centre,
            "pose": np.where(one, in_mirror, states.pose),
        }
    )
