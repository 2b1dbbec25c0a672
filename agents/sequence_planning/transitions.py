"""Costs of the change from one choice to the next, as matrices (choices before, choices after)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from agents.arrays import Bools, Floats
from agents.sequence_planning.choices import Choice

UNKNOWN_POSE_COST: Final = 0.5  # an average jump, so that a clip without a pose has neither advantage nor disadvantage
MAX_POSE_COST: Final = 2.0
OFF_ONE_COST: Final = 5.0  # of a cut that is not on a count 1


class Transition(NamedTuple):
    """`continues_clip`: the clip continues without a cut. `cost`: of the cut, 0 where there is none."""

    continues_clip: Bools
    cost: Floats


class Transitions:
    """Computes the transitions between slots; each pair of choice sets only once."""

    def __init__(self) -> None:
        self._computed: dict[object, Transition] = {}

    def between(self, before: tuple[Choice, ...], after: tuple[Choice, ...], on_one: bool) -> Transition:
        """Return the mean distance of the joints in torso lengths, at most 2; 0.5 where a pose is unknown.

        A cut that is not on a count 1 costs 5 more.
        """
        key = (_clip_beats(before), _clip_beats(after), on_one)
        if key not in self._computed:
            continues_clip = _continues_clip(before, after)
            self._computed[key] = Transition(continues_clip, _cost(before, after, continues_clip, on_one))
        return self._computed[key]


def _clip_beats(choices: tuple[Choice, ...]) -> tuple[tuple[str, int, int], ...]:
    return tuple((choice.clip, choice.first, choice.end) for choice in choices)


def _continues_clip(before: tuple[Choice, ...], after: tuple[Choice, ...]) -> Bools:
    starts: dict[tuple[str, int], list[int]] = {}
    for column, choice in enumerate(after):
        starts.setdefault((choice.clip, choice.first), []).append(column)
    flags = np.zeros((len(before), len(after)), dtype=bool)
    for row, choice in enumerate(before):
        flags[row, starts.get((choice.clip, choice.end), [])] = True
    return flags


def _cost(before: tuple[Choice, ...], after: tuple[Choice, ...], continues_clip: Bools, on_one: bool) -> Floats:
    distances = _pose_distances([choice.end_pose for choice in before], [choice.start_pose for choice in after])
    cost = np.where(np.isnan(distances), UNKNOWN_POSE_COST, np.minimum(distances, MAX_POSE_COST)) + (
        0.0 if on_one else OFF_ONE_COST
    )
    cost[continues_clip] = 0.0
    rounded: Floats = np.round(cost, 6)
    return rounded


def _pose_distances(ends: list[tuple[float, ...]], starts: list[tuple[float, ...]]) -> Floats:
    """Return the mean distance of the joints, NaN where a pose is unknown or the two have different joints."""
    distances = np.full((len(ends), len(starts)), np.nan)
    for size in sorted({len(pose) for pose in ends} - {0}):
        rows, columns = _with_size(ends, size), _with_size(starts, size)
        if rows and columns:
            apart = _joints(ends, rows)[:, None] - _joints(starts, columns)[None]
            distances[np.ix_(rows, columns)] = np.hypot(apart[..., 0], apart[..., 1]).mean(axis=2)
    return distances


def _with_size(poses: Iterable[tuple[float, ...]], size: int) -> list[int]:
    return [index for index, pose in enumerate(poses) if len(pose) == size]


def _joints(poses: list[tuple[float, ...]], rows: list[int]) -> Floats:
    return np.array([poses[row] for row in rows]).reshape(len(rows), -1, 2)
