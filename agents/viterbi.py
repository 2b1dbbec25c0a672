"""Find the best path through a sequence of states (Viterbi algorithm)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from agents.arrays import Floats, Ints


def best_path(support: Floats, change: Floats) -> Ints:
    """Return the state at each step of the path with the greatest total score, (steps,) (Viterbi, 1967).

    `support` (steps, states): the score of each state at each step. `change`: the score of a transition, (from, to)
    for all steps or (steps - 1, from, to). Of equally good paths, the one through the lowest state numbers.
    """
    score = support[0]
    previous = np.zeros(support.shape, np.int64)
    transitions = np.broadcast_to(change, (len(support) - 1, *change.shape[-2:]))
    for step in range(1, len(support)):
        totals = score[:, None] + transitions[step - 1]
        previous[step] = totals.argmax(0)
        score = totals.max(0) + support[step]
    path = [int(score.argmax())]
    for step in range(len(support) - 1, 0, -1):
        path.append(int(previous[step, path[-1]]))
    return np.array(path[::-1])


def most_likely_runs(evidence: Floats, change_cost: float) -> list[tuple[int, int]]:
    """Return where something is the case: the first index of each run and the one after its last, in order.

    `evidence` (n,): the evidence of each sample for it, below 0 against it. The most likely sequence of yes and no,
    where each change has a cost (Viterbi, 1967).
    """
    change = np.array([[0.0, -change_cost], [-change_cost, 0.0]])
    path = best_path(np.column_stack([-evidence, evidence]), change)
    edges = np.flatnonzero(np.diff(path, prepend=0, append=0))
    return list(pairwise(edges.tolist()))[::2]
