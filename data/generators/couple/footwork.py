"""Compute both feet and the weight at any count from a dancer's position at each count.

Positions are in the couple's frame: (a, b, yaw), a from the lead to the follow, b to the lead's left, in metres; yaw 0
is along +a. Counts are continuous: 1.0 is the first beat, 5.5 half-way between the fifth and the sixth.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from data.generators.couple.geometry import Vector, eased

HALF_STANCE_M = 0.085  # half of the distance between the feet when standing
BALL_AHEAD_M = 0.055  # of the dancer's position
HEEL_PITCH_ON_TAP_RAD = 0.62
HEEL_PITCH_ON_PIVOT_RAD = 0.16
OTHER = {"l": "r", "r": "l"}
MIN_PIVOT_RAD = 0.2  # from this body turn on, the standing foot turns too


@dataclass(frozen=True)
class FootAt:
    """The ball of a foot in the couple's frame, about which it pivots; `lift` in metres, heel's `pitch` in radians."""

    position: Vector
    lift: float
    pitch: float


@dataclass(frozen=True)
class Footing:
    """Both feet at one count, the weight (-1 left, +1 right), the body's position, and the free hip's pop on a tap."""

    feet: dict[str, FootAt]
    weight: float
    position: Vector
    pop: float


@dataclass
class FeetOnCount:
    """The feet on one count."""

    feet: dict[str, Vector]
    weight: float = 0.0
    moving: str | None = None
    tap: bool = False


def foot_position(position: Vector, side: str) -> Vector:
    """Return the ball of a foot of a dancer who stands at `position`."""
    a, b, yaw = position
    out, sine, cosine = (HALF_STANCE_M if side == "l" else -HALF_STANCE_M), np.sin(yaw), np.cos(yaw)
    return np.array([a - out * sine + BALL_AHEAD_M * cosine, b + out * cosine + BALL_AHEAD_M * sine, yaw])


def heel_position(ball: Vector) -> Vector:
    """Return the point under the ankle of a foot whose ball is at `ball`."""
    a, b, yaw = ball
    return np.array([a - BALL_AHEAD_M * np.cos(yaw), b - BALL_AHEAD_M * np.sin(yaw), yaw])


def moving_foot(count: int, first: str) -> str:
    """Return the foot that moves on a count of bachata's basic: step, step, step, tap, then with the other foot."""
    return first if (count - 1) % 8 in (0, 2, 5, 7) else OTHER[first]


@dataclass
class Footwork:
    """Bachata steps through `positions` (one per count, 0 is the start); on `still` counts there is no step."""

    positions: Sequence[Vector]
    first: str
    still: Collection[int] = ()
    lift_factor: float = 1.0
    feet_on_counts: list[FeetOnCount] = field(init=False)

    def __post_init__(self) -> None:
        """Compute the feet on all counts."""
        self.feet_on_counts = [FeetOnCount({side: foot_position(self.positions[0], side) for side in "lr"})]
        for count in range(1, len(self.positions)):
            self.feet_on_counts.append(self._feet_on_count(count))

    def _feet_on_count(self, count: int) -> FeetOnCount:
        feet = dict(self.feet_on_counts[-1].feet)
        if count in self.still:
            return FeetOnCount(feet)
        moving, tap = moving_foot(count, self.first), count % 4 == 0
        standing = OTHER[moving]
        feet[moving] = foot_position(self.positions[count], moving)
        if abs(self.positions[count][2] - feet[standing][2]) > MIN_PIVOT_RAD:
            feet[standing] = np.array([*feet[standing][:2], self.positions[count][2]])
        onto = standing if tap else moving
        return FeetOnCount(feet, -1.0 if onto == "l" else 1.0, moving, tap)

    def at(self, count: float) -> Footing:
        """Return the feet and the weight at a continuous count, clipped to the range of counts."""
        inside = min(max(count, 0.0), len(self.positions) - 1 - 1e-9)
        index = int(inside)
        before, after, share = self.feet_on_counts[index], self.feet_on_counts[index + 1], inside - index
        start, end = self.positions[index], self.positions[index + 1]
        return Footing(
            feet={side: self._foot(side, before, after, share) for side in "lr"},
            weight=before.weight + (after.weight - before.weight) * eased((share - 0.42) / 0.58),
            position=start + (end - start) * eased((share - 0.12) / 0.85),
            pop=self._pop(before, after, share),
        )

    def _foot(self, side: str, before: FeetOnCount, after: FeetOnCount, share: float) -> FootAt:
        moves = after.moving == side
        done = eased((share - 0.28) / 0.68) if moves else eased((share - 0.15) / 0.8)
        start, end = before.feet[side], after.feet[side]
        lift = pitch = 0.0
        if moves:
            step = min(float(np.hypot(*(end - start)[:2])), 0.4)
            lift = (0.035 + 0.10 * step) * self.lift_factor * max(np.sin(np.pi * done), 0.0) ** 1.2
            pitch = 0.45 * np.sin(np.pi * min(done * 1.15, 1.0)) * (0.5 + step)
        elif abs(end[2] - start[2]) > MIN_PIVOT_RAD:
            pitch = HEEL_PITCH_ON_PIVOT_RAD * np.sin(np.pi * done)
        return FootAt(
            start + (end - start) * done, float(lift), max(float(pitch), tap_heel_pitch(side, before, after, share))
        )

    @staticmethod
    def _pop(before: FeetOnCount, after: FeetOnCount, share: float) -> float:
        rising = eased((share - 0.5) / 0.5) if after.tap else 0.0
        falling = 1 - eased(share / 0.6) if before.tap else 0.0
        return max(rising, falling) * (before.weight if before.tap else after.weight)


def tap_heel_pitch(side: str, before: FeetOnCount, after: FeetOnCount, share: float) -> float:
    """Return the heel's pitch of a foot that taps, in radians."""
    rising = eased((share - 0.45) / 0.5) if after.tap and after.moving == side else 0.0
    falling = 1 - eased((share - 0.25) / 0.5) if before.tap and before.moving == side else 0.0
    return HEEL_PITCH_ON_TAP_RAD * max(rising, falling)
