"""Group things by their distances: average linkage of those that are not nearly the same as another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from agents.arrays import Floats, Ints

_NEARLY_THE_SAME = 0.3  # of the largest distance in a group
_MAX_COMPARED = 300_000  # pairs of things at once, with the next one: the time would grow with their square
_MIN_LINKED = 100


def clusters(count: int, distances: Callable[[int, Ints], Floats], limit: float) -> list[int]:
    """Return a number for each thing, the same for those in one group: groups join while their mean distance allows.

    `distances`: returns those of one thing to some others. Of things that are nearly the same, only the first is
    compared with the others, so that a library of many clips and few couples is grouped in little time. Of very many
    that differ, only some are grouped so; each of the others joins the nearest of these groups, if it is near enough,
    and those that are near none are grouped in the same way.
    """
    numbers = np.zeros(count, np.int64)
    linked = max(_MIN_LINKED, _MAX_COMPARED // max(count, 1))
    while (free := np.flatnonzero(numbers == 0)).size:
        first_of, rows = _nearly_the_same(free, count, distances, limit, linked)
        firsts = np.array(sorted(rows), np.int64)
        to_later = [rows[first][firsts[n + 1 :]] for n, first in enumerate(firsts.tolist())]
        groups = numbers.max(initial=0) + np.array(_linked(to_later, limit), np.int64)
        same = first_of[free] >= 0
        numbers[free[same]] = groups[np.searchsorted(firsts, first_of[free[same]])]
        rest = free[~same]
        numbers[rest] = _nearest(groups, np.array([rows[first][rest] for first in firsts.tolist()]), limit)
    return [int(number) for number in numbers]


def _nearly_the_same(
    free: Ints, count: int, distances: Callable[[int, Ints], Floats], limit: float, most: int
) -> tuple[Ints, dict[int, Floats]]:
    """Return the first one that each free thing is nearly the same as, and the distances of these to all later ones.

    -1 for those that are nearly the same as none of the first `most`.
    """
    first_of, rows = np.full(count, -1, np.int64), dict[int, Floats]()
    while free.size and len(rows) < most:
        first = int(free[0])
        rows[first] = np.zeros(count, np.float32)
        rows[first][free] = distances(first, free)
        first_of[free[rows[first][free] <= _NEARLY_THE_SAME * limit]] = first
        first_of[first] = first
        free = free[first_of[free] < 0]
    return first_of, rows


def _nearest(groups: Ints, apart: Floats, limit: float) -> Ints:
    """Return the group that each of some things is nearest to, 0 where none is near. `apart`: (grouped, things)."""
    numbers = np.unique(groups)
    means = np.array([apart[groups == number].mean(axis=0) for number in numbers])
    nearest: Ints = np.where(means.min(axis=0, initial=np.inf) <= limit, numbers[means.argmin(axis=0)], 0)
    return nearest


def _linked(to_later: Sequence[Floats], limit: float) -> list[int]:
    """Return cluster numbers by average linkage. `to_later`: the distances of each to all later ones."""
    if len(to_later) < 2:
        return [1] * len(to_later)
    from scipy.cluster.hierarchy import fcluster, linkage

    tree = linkage(np.concatenate(to_later), "average")
    return [int(number) for number in fcluster(tree, limit, "distance")]
