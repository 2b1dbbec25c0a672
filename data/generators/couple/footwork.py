"""Where a dancer stands at each count in, where both feet and the weight are at any moment out.

Places lie in the couple's frame: (a, b, yaw), a from the lead to the follow, b to the lead's left, in metres; yaw 0
looks along +a. Counts are continuous: 1.0 is the first beat, 5.5 half-way between the fifth and the sixth.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from data.generators.couple.geometry import Vector, eased

HALF_STANCE = 0.085  # of the feet's distance, standing
BALL_AHEAD = 0.055  # of the dancer's place, metres
HEEL_ON_TAP = 0.62
HEEL_ON_PIVOT = 0.16
OTHER = {"l": "r", "r": "l"}
PIVOT_FROM = 0.2  # a body turn from which the standing foot turns with it


@dataclass(frozen=True)
class FootAt:
    """The ball of a foot in the couple's frame, about which it pivots; `lift` in metres, heel's `pitch` in radians."""

    place: Vector
    lift: float
    pitch: float


@dataclass(frozen=True)
class Footing:
    """A moment: both feet, the weight (-1 left, +1 right), the body's place, and the free hip's pop on a tap."""

    feet: dict[str, FootAt]
    weight: float
    place: Vector
    pop: float


@dataclass
class Mark:
    """The feet on one count."""

    feet: dict[str, Vector]
    weight: float = 0.0
    moving: str | None = None
    tap: bool = False


def foot_place(place: Vector, side: str) -> Vector:
    """Where the ball of a foot of a dancer standing at `place` is."""
    a, b, yaw = place
    out, sine, cosine = (HALF_STANCE if side == "l" else -HALF_STANCE), np.sin(yaw), np.cos(yaw)
    return np.array([a - out * sine + BALL_AHEAD * cosine, b + out * cosine + BALL_AHEAD * sine, yaw])


def heel_place(ball: Vector) -> Vector:
    """The place under the ankle of a foot whose ball is at `ball`."""
    a, b, yaw = ball
    return np.array([a - BALL_AHEAD * np.cos(yaw), b - BALL_AHEAD * np.sin(yaw), yaw])


def moving_foot(count: int, first: str) -> str:
    """Bachata's basic: step, step, step, tap, and the same with the other foot first."""
    return first if (count - 1) % 8 in (0, 2, 5, 7) else OTHER[first]


@dataclass
class Footwork:
    """Bachata steps through `places` (one per count, 0 is the start); `still` counts are stood, not stepped."""

    places: Sequence[Vector]
    first: str
    still: Collection[int] = ()
    vigour: float = 1.0
    marks: list[Mark] = field(init=False)

    def __post_init__(self) -> None:
        """Walk once through all counts."""
        self.marks = [Mark({side: foot_place(self.places[0], side) for side in "lr"})]
        for count in range(1, len(self.places)):
            self.marks.append(self._mark(count))

    def _mark(self, count: int) -> Mark:
        feet = dict(self.marks[-1].feet)
        if count in self.still:
            return Mark(feet)
        moving, tap = moving_foot(count, self.first), count % 4 == 0
        standing = OTHER[moving]
        feet[moving] = foot_place(self.places[count], moving)
        if abs(self.places[count][2] - feet[standing][2]) > PIVOT_FROM:
            feet[standing] = np.array([*feet[standing][:2], self.places[count][2]])
        onto = standing if tap else moving
        return Mark(feet, -1.0 if onto == "l" else 1.0, moving, tap)

    def at(self, count: float) -> Footing:
        """The feet and the weight at a continuous count, clipped to the counts there are."""
        inside = min(max(count, 0.0), len(self.places) - 1 - 1e-9)
        index = int(inside)
        before, after, share = self.marks[index], self.marks[index + 1], inside - index
        start, end = self.places[index], self.places[index + 1]
        return Footing(
            feet={side: self._foot(side, before, after, share) for side in "lr"},
            weight=before.weight + (after.weight - before.weight) * eased((share - 0.42) / 0.58),
            place=start + (end - start) * eased((share - 0.12) / 0.85),
            pop=self._pop(before, after, share),
        )

    def _foot(self, side: str, before: Mark, after: Mark, share: float) -> FootAt:
        moves = after.moving == side
        done = eased((share - 0.28) / 0.68) if moves else eased((share - 0.15) / 0.8)
        start, end = before.feet[side], after.feet[side]
        lift = pitch = 0.0
        if moves:
            step = min(float(np.hypot(*(end - start)[:2])), 0.4)
            lift = (0.035 + 0.10 * step) * self.vigour * max(np.sin(np.pi * done), 0.0) ** 1.2
            pitch = 0.45 * np.sin(np.pi * min(done * 1.15, 1.0)) * (0.5 + step)
        elif abs(end[2] - start[2]) > PIVOT_FROM:
            pitch = HEEL_ON_PIVOT * np.sin(np.pi * done)
        return FootAt(
            start + (end - start) * done, float(lift), max(float(pitch), tap_heel(side, before, after, share))
        )

    @staticmethod
    def _pop(before: Mark, after: Mark, share: float) -> float:
        rising = eased((share - 0.5) / 0.5) if after.tap else 0.0
        falling = 1 - eased(share / 0.6) if before.tap else 0.0
        return max(rising, falling) * (before.weight if before.tap else after.weight)


def tap_heel(side: str, before: Mark, after: Mark, share: float) -> float:
    """The heel's lift of a foot that taps."""
    rising = eased((share - 0.45) / 0.5) if after.tap and after.moving == side else 0.0
    falling = 1 - eased((share - 0.25) / 0.5) if before.tap and before.moving == side else 0.0
    return HEEL_ON_TAP * max(rising, falling)
