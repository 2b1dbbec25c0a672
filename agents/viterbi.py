"""Find the best path through states that follow each other."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats, Ints


def best_path(support: Floats, change: Floats) -> Ints:
    """Return the path of greatest total support plus change at each step, (steps,) (Viterbi, 1967).

    `support` (steps, states): for each state at each step; `change`: for going from one state to another, (from, to)
    for all steps or (steps - 1, from, to). Of paths as good, the one through the first states.
    """
    score = support[0]
    origin = np.zeros(support.shape, np.int64)
    between = np.broadcast_to(change, (len(support) - 1, *change.shape[-2:]))
    for step in range(1, len(support)):
        routes = score[:, None] + between[step - 1]
        origin[step] = routes.argmax(0)
        score = routes.max(0) + support[step]
    path = [int(score.argmax())]
    for step in range(len(support) - 1, 0, -1):
        path.append(int(origin[step, path[-1]]))
    return np.array(path[::-1])
