"""Choose where to cut a dance into moves: between eights, where the dancers rest or their movement changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.arrays import Floats, Ints

SHORTEST_COUNTS, LONGEST_COUNTS = 8, 64
TOLERANCE_COUNTS = 0.5  # an end that is not on a beat
_CUT_COST = 1.0
_PHASE_COSTS = np.array([0.0, 2.0, 2.0, 2.0, 0.8, 2.0, 2.0, 2.0])  # of a cut before count 1, 2, …: eights stay whole
_REST_REWARD = 1.0  # where nobody moves
_CHANGE_REWARD, _USUAL_CHANGE = 1.2, 0.9  # for each unit of change above the usual one within a move


@dataclass(frozen=True)
class Beats:
    """The beats of a dance: `counts` (n,) 1-8; `rest` (n,) 0-1 and `change` (n,) of each beat."""

    counts: Ints
    rest: Floats
    change: Floats


def cut_costs(beats: Beats) -> Floats:
    """Return the cost of a cut at each beat, (n,): below 0 where a cut is better than none."""
    reward = _REST_REWARD * beats.rest + _CHANGE_REWARD * (beats.change - _USUAL_CHANGE)
    return np.asarray(_CUT_COST + _PHASE_COSTS[beats.counts - 1] - np.maximum(reward, 0.0))


def best_cuts(at: Floats, costs: Floats) -> list[int]:
    """Return the indices of the best cuts, increasing, without both ends.

    `at` (n,): the possible cuts, increasing, in counts; the first and the last are the ends. `costs` (n,): of each. The
    cuts have the least sum of costs of all that make parts of 8 to 64 counts, found by dynamic programming (optimal
    partitioning: Jackson et al., IEEE Signal Processing Letters 12, 2005). No cut where no such parts exist.
    """
    total, previous = np.full(len(at), np.inf), np.zeros(len(at), np.int64)
    total[0] = 0.0
    for n in range(1, len(at)):
        lengths = at[n] - at[:n]
        allowed = (lengths >= SHORTEST_COUNTS - TOLERANCE_COUNTS) & (lengths <= LONGEST_COUNTS + TOLERANCE_COUNTS)
        sums = np.where(allowed, total[:n], np.inf)
        previous[n] = int(sums.argmin())
        total[n] = sums[previous[n]] + (costs[n] if n < len(at) - 1 else 0.0)
    return _traced(previous) if np.isfinite(total[-1]) else []


def _traced(previous: Sequence[int] | Ints) -> list[int]:
    cuts, n = [], int(previous[-1])
    while n > 0:
        cuts.append(n)
        n = int(previous[n])
    return cuts[::-1]
