"""Group things by their distances: average linkage of those that are not nearly the same as another one."""

from __future__ import annotations

from collections.abc import Callable

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
    upper = np.array([rows[first][firsts] for first in firsts.tolist()]).reshape(len(firsts), len(firsts))
    numbers = dict(zip(firsts.tolist(), _linked(np.triu(upper, 1), limit), strict=True))
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


def _linked(upper: Floats, limit: float) -> list[int]:
    """Return cluster numbers by average linkage. `upper`: the distances, (n, n), in the upper triangle."""
    if len(upper) < 2:
        return [1] * len(upper)
    from scipy.cluster.hierarchy import fcluster, linkage

    tree = linkage(upper[np.triu_indices(len(upper), 1)], "average")
    return [int(number) for number in fcluster(tree, limit, "distance")]
