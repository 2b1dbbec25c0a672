"""The best of all dances of a problem: no dance is left out that could be the best one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agents.arrays import Floats
from agents.dance.changes import Change, MusicChange, change_between, pair_amounts
from agents.dance.rules import BROKEN_GATE
from agents.dance.sequence import Sequences
from tests.unit.sequence_planning.problems import Problem

_EPSILON = 1e-4  # points: the arrays of repetitions have single precision


class Best(NamedTuple):
    """The least number of broken gates, and the least points of the dances that break so many."""

    broken_gates: int
    points: float


class TooManyError(Exception):
    """More beginnings of dances can lead to the best one than may be looked at."""


def best_of_all(problem: Problem, known: Best | None = None, most: int | None = None) -> Best:
    """Return the best of all dances, with what the seed adds.

    `known`: of some dance: beginnings are left out that become worse, whatever follows. Raises: `TooManyError` where
    more than `most` beginnings remain.
    """
    music, rows, parts, rules = problem.music, problem.choices.rows, problem.choices.parts, problem.request.rules
    of_slots = problem.choices.costs
    changes = [_change(problem, slot) for slot in range(1, len(music))]
    of_changes = [change.cost(rules) for change in changes]
    rest, limit = _least_rest(of_slots, of_changes), np.inf if known is None else _key(known) + _EPSILON
    dances, keys, last = Sequences.begin(rows[0], parts), of_slots[0], np.arange(len(rows[0]))
    for slot, change in enumerate(changes, 1):
        continues = change.continues[last]
        keys = keys[:, None] + of_changes[slot - 1][last] + of_slots[slot][None]
        amounts = dances.amounts(rows[slot], continues, music[slot], parts, rules)
        for name, amount in amounts.items():
            keys = keys + rules.points(name) * amount
        for broken in rules.broken(amounts).values():
            keys = keys + BROKEN_GATE * broken
        each, last = np.nonzero(keys + rest[slot][None] <= limit)
        if most is not None and len(each) > most:
            raise TooManyError
        keys = keys[each, last]
        if slot < len(changes):
            dances = dances.extended(each, rows[slot][last], continues[each, last], parts)
    least = float(keys.min())
    return Best(int(least // BROKEN_GATE), least % BROKEN_GATE)


def _key(best: Best) -> float:
    """Return one number, in the order of the dances."""
    return BROKEN_GATE * best.broken_gates + best.points


def _change(problem: Problem, slot: int) -> Change:
    before, after = (problem.choices.parts.rows(problem.choices.rows[n]) for n in (slot - 1, slot))
    pairs = pair_amounts(before, after, problem.request.rules)
    music = MusicChange.between(problem.music[slot - 1], problem.music[slot])
    return change_between(music, before, after, pairs, problem.request)


def _least_rest(of_slots: Sequence[Floats], of_changes: Sequence[Floats]) -> list[Floats]:
    """Return for each choice of each slot the least that the slots after it add; repetitions can only add more."""
    rest: list[Floats] = [np.zeros(len(of_slots[-1]))]
    for slot in range(len(of_changes), 0, -1):
        rest.append((of_changes[slot - 1] + (of_slots[slot] + rest[-1])[None]).min(axis=1))
    return rest[::-1]
