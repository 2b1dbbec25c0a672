"""The best dance: one choice for each slot, with the fewest broken gates, and then the fewest points.

A beam search: a Viterbi search over the choices with several dances for each, because the cost of a repetition depends
on all that came before. The best dance to each choice is never dropped, so that no gate of a slot or a cut is broken
where a way without breaking it exists. Beyond these, dances are dropped by their cost so far and the least that remains
to the end. The search is exact until dances are dropped, and near the optimum then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.arrays import Floats, Ints
from agents.dance.music import Request, SlotMusic
from agents.dance.rules import Rules
from agents.dance.sequence import Sequences
from agents.sequence_planning.choices import Choices
from agents.sequence_planning.slot_changes import SlotChange, slot_changes

_MAX_DANCES = 128  # beyond the best one of each choice; with 2,048 twelve songs lose 1 % fewer points, twice as slow
_MAX_WAYS = 16_384  # from dances to choices: to few choices more dances go on, in the same time (`make quality-search`)


@dataclass(frozen=True)
class _Beam:
    """Dances up to a slot: `total`, points and broken gates so far; `last`, column of the last choice."""

    sequences: Sequences
    total: Floats
    last: Ints
    max_dances: int | None


@dataclass(frozen=True)
class Path:
    """A dance: the row of the part of each slot.

    `total`: its points and broken gates. `changes`: between all choices of each two slots.
    """

    rows: Ints
    total: float
    changes: Sequence[SlotChange]


def best_path(
    choices: Choices, request: Request, changes: Sequence[SlotChange] | None = None, max_dances: int | None = None
) -> Path:
    """Return the best dance; of equal ones, the first.

    `changes`: of an earlier path with the same rows of choices. `max_dances`: to go on with at each slot, beyond the
    best one to each choice; None for 128, or more where the choices are few.
    """
    music = choices.music
    changes = slot_changes(choices, request) if changes is None else changes
    rest = _least_rest(choices, changes)
    count = len(choices.rows[0])
    beam = _Beam(Sequences.begin(choices.rows[0], choices.parts), choices.costs[0], np.arange(count), max_dances)
    for slot, change in enumerate(changes, 1):
        beam = _extended(beam, slot, change, rest[slot], music[slot], choices, request.rules)
    best = int(np.argmin(np.round(beam.total, 9)))
    return Path(beam.sequences.picked[best], float(beam.total[best]), changes)


def _least_rest(choices: Choices, changes: Sequence[SlotChange]) -> Sequence[Floats]:
    """Return for each choice of each slot the least cost of the slots after it, without repetitions."""
    rest: list[Floats] = [np.zeros(len(choices.rows[-1]))]
    for slot in range(len(changes), 0, -1):
        rest.append((changes[slot - 1].costs + (choices.costs[slot] + rest[-1])[None]).min(axis=1))
    return rest[::-1]


def _extended(  # noqa: PLR0913, PLR0917
    beam: _Beam,
    slot: int,
    change: SlotChange,
    rest: Floats,
    music: SlotMusic,
    choices: Choices,
    rules: Rules,
) -> _Beam:
    rows = choices.rows[slot]
    continues = change.continues[beam.last]
    amounts = beam.sequences.amounts(rows, continues, music, choices.parts, rules)
    total = beam.total[:, None] + change.costs[beam.last] + choices.costs[slot][None] + rules.cost(amounts)
    dances, columns = _best(total, rest, beam.max_dances)
    added = rows[columns]
    sequences = beam.sequences.extended(dances, added, continues[dances, columns], choices.parts)
    return _Beam(sequences, total[dances, columns], columns, beam.max_dances)


def _best(total: Floats, rest: Floats, max_dances: int | None) -> tuple[Ints, Ints]:
    """Return dances and choices to go on with, ordered by choice: the best dance to each, and the best others."""
    dances, choices = total.shape
    bound = total + rest[None]
    best_of_choice = total.argmin(axis=0)
    selected = np.zeros(total.shape, bool)
    selected[best_of_choice, np.arange(choices)] = True
    others = np.where(selected, np.inf, bound).ravel()
    most = max(_MAX_DANCES, _MAX_WAYS // choices) if max_dances is None else max_dances
    number = min(most, dances * choices - choices)
    if number > 0:
        selected.ravel()[_smallest(others, number)] = True
    columns, rows = np.nonzero(selected.T)
    return rows, columns


def _smallest(values: Floats, number: int) -> Ints:
    """Return the indices of the smallest values; of equal ones, the first."""
    threshold = np.partition(values, number - 1)[number - 1]
    smaller = np.flatnonzero(values < threshold)
    equal = np.flatnonzero(values == threshold)[: number - len(smaller)]
    return np.concatenate([smaller, equal])
