"""What a change from one choice to the next costs: two slots' choices in, matrices (before, after) out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from agents.arrays import Bools, Floats
from agents.sequence_planning.choices import Choice

UNKNOWN: Final = 0.5  # a middling jump: not to be seen is neither praised nor blamed
FARTHEST: Final = 2.0
OFF_ONE: Final = 5.0


class Transition(NamedTuple):
    """`goes_on`: the clip goes on where it was, no cut is seen. `cost`: of the cut, 0 where there is none."""

    goes_on: Bools
    cost: Floats


class Transitions:
    """Transitions between slots; the same two sets of choices are compared once."""

    def __init__(self) -> None:
        self._known: dict[object, Transition] = {}

    def between(self, before: tuple[Choice, ...], after: tuple[Choice, ...], on_one: bool) -> Transition:
        """The mean way of a joint in torso lengths, at most 2; 0.5 where a pose is unknown.

        A cut that is not on a count 1 costs 5 more.
        """
        key = (_places(before), _places(after), on_one)
        if key not in self._known:
            goes_on = _goes_on(before, after)
            self._known[key] = Transition(goes_on, _cost(before, after, goes_on, on_one))
        return self._known[key]


def _places(choices: tuple[Choice, ...]) -> tuple[tuple[str, int, int], ...]:
    return tuple((choice.clip, choice.first, choice.end) for choice in choices)


def _goes_on(before: tuple[Choice, ...], after: tuple[Choice, ...]) -> Bools:
    starts: dict[tuple[str, int], list[int]] = {}
    for column, choice in enumerate(after):
        starts.setdefault((choice.clip, choice.first), []).append(column)
    flags = np.zeros((len(before), len(after)), dtype=bool)
    for row, choice in enumerate(before):
        flags[row, starts.get((choice.clip, choice.end), [])] = True
    return flags


def _cost(before: tuple[Choice, ...], after: tuple[Choice, ...], goes_on: Bools, on_one: bool) -> Floats:
    way = _ways([choice.end_pose for choice in before], [choice.start_pose for choice in after])
    cost = np.where(np.isnan(way), UNKNOWN, np.minimum(way, FARTHEST)) + (0.0 if on_one else OFF_ONE)
    cost[goes_on] = 0.0
    rounded: Floats = np.round(cost, 6)
    return rounded


def _ways(ends: list[tuple[float, ...]], starts: list[tuple[float, ...]]) -> Floats:
    """Mean distance of the joints, NaN where either pose is unknown or the two name different joints."""
    ways = np.full((len(ends), len(starts)), np.nan)
    for size in sorted({len(pose) for pose in ends} - {0}):
        rows, columns = _having(ends, size), _having(starts, size)
        if rows and columns:
            apart = _joints(ends, rows)[:, None] - _joints(starts, columns)[None]
            ways[np.ix_(rows, columns)] = np.hypot(apart[..., 0], apart[..., 1]).mean(axis=2)
    return ways


def _having(poses: Iterable[tuple[float, ...]], size: int) -> list[int]:
    return [index for index, pose in enumerate(poses) if len(pose) == size]


def _joints(poses: list[tuple[float, ...]], rows: list[int]) -> Floats:
    return np.array([poses[row] for row in rows]).reshape(len(rows), -1, 2)
