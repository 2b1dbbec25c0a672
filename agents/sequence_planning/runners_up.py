"""Runners-up: the clips that could best be shown in the place of a segment's own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import pairwise

import numpy as np

from agents.arrays import Ints
from agents.dance.parts import Part
from agents.sequence_planning.choices import Choices
from agents.sequence_planning.slot_changes import SlotChange
from schemas.limits import MAX_RUNNERS_UP


class RunnersUp:
    """Finds runners-up in a dance. `changes`: between the choices; `rows`: of the dance's parts among them."""

    def __init__(self, choices: Choices, changes: Sequence[SlotChange], rows: Sequence[int]) -> None:
        self._choices, self._costs = choices, [change.costs for change in changes]
        self._columns = [int(np.searchsorted(of_slot, row)) for of_slot, row in zip(choices.rows, rows, strict=True)]
        self._by_clip = [_by_clip(choices, rows) for rows in choices.rows]

    def of(self, start: int, end: int) -> list[list[Part]]:
        """Return parts of the best other clips for the slots from `start` to `end`, exclusive, the best clip first.

        At most `MAX_RUNNERS_UP`. What the cuts to the slots before and after cost is counted.
        """
        own = self._clip(start, self._columns[start])
        others = reduce(set.intersection, (set(clips) for clips in self._by_clip[start:end])) - {own}
        paths = sorted((self._path(start, end, clip), clip) for clip in others)
        return [[self._choices.parts.parts[row] for row in rows] for (_, rows), _ in paths[:MAX_RUNNERS_UP]]

    def _clip(self, slot: int, column: int) -> int:
        return int(self._choices.parts.clip[self._choices.rows[slot][column]])

    def _path(self, start: int, end: int, clip: int) -> tuple[float, list[int]]:
        """Return the least cost with one clip's choices in the slots, and their rows."""
        columns = [self._by_clip[slot][clip] for slot in range(start, end)]
        own = [self._choices.costs[slot][at] for slot, at in zip(range(start, end), columns, strict=True)]
        cost = own[0] + (self._costs[start - 1][self._columns[start - 1], columns[0]] if start else 0.0)
        parents = []
        for n, (before, after) in enumerate(pairwise(columns), 1):
            through = cost[:, None] + self._costs[start + n - 1][np.ix_(before, after)]
            parents.append(through.argmin(axis=0))
            cost = through.min(axis=0) + own[n]
        if end < len(self._columns):
            cost = cost + self._costs[end - 1][columns[-1], self._columns[end]]
        return round(float(cost.min()), 9), self._traced(start, columns, parents, int(cost.argmin()))

    def _traced(self, start: int, columns: Sequence[Ints], parents: Sequence[Ints], last: int) -> list[int]:
        at = [last]
        for parent in reversed(parents):
            at.append(int(parent[at[-1]]))
        chosen = zip(range(start, start + len(columns)), columns, reversed(at), strict=True)
        return [int(self._choices.rows[slot][of_clip[n]]) for slot, of_clip, n in chosen]


def _by_clip(choices: Choices, rows: Ints) -> Mapping[int, Ints]:
    """Return the columns of a slot's choices by clip."""
    columns = defaultdict[int, list[int]](list)
    for column, clip in enumerate(choices.parts.clip[rows].tolist()):
        columns[clip].append(column)
    return {clip: np.array(of_clip) for clip, of_clip in columns.items()}
