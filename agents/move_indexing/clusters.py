"""Group things by their distances: average linkage of those that are not nearly the same as another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from agents.arrays import Floats, Ints

_NEARLY_THE_SAME = 0.3  # of the largest distance in a group


def clusters(count: int, distances: Callable[[int, Ints], Floats], limit: float) -> list[int]:
    """Return a number for each thing, the same for those in one group: groups join while their mean distance allows.

    `distances`: returns those of one thing to some others. Of things that are nearly the same, only the first is
    compared with the others, so that a library of many clips and few couples is grouped in little time.
    """
    first_of, rows = _nearly_the_same(count, distances, limit)
    firsts = np.array(sorted(rows), int)
    to_later = [rows[first][firsts[n + 1 :]] for n, first in enumerate(firsts.tolist())]
    numbers = dict(zip(firsts.tolist(), _linked(to_later, limit), strict=True))
    return [numbers[first] for first in first_of.tolist()]


def _nearly_the_same(
    count: int, distances: Callable[[int, Ints], Floats], limit: float
) -> tuple[Ints, dict[int, Floats]]:
    """Return the first one that each thing is nearly the same as, and the distances of these to all later ones."""
    first_of, rows = np.full(count, -1, np.int64), dict[int, Floats]()
    while (free := np.flatnonzero(first_of < 0)).size:
        first = int(free[0])
        rows[first] = np.zeros(count, np.float32)
        rows[first][free] = distances(first, free)
        first_of[free[rows[first][free] <= _NEARLY_THE_SAME * limit]] = first
        first_of[first] = first
    return first_of, rows


def _linked(to_later: Sequence[Floats], limit: float) -> list[int]:
    """Return cluster numbers by average linkage. `to_later`: the distances of each to all later ones."""
    if len(to_later) < 2:
        return [1] * len(to_later)
    from scipy.cluster.hierarchy import fcluster, linkage

    tree = linkage(np.concatenate(to_later), "average")
    return [int(number) for number in fcluster(tree, limit, "distance")]
