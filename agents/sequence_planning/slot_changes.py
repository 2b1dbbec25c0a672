"""The changes between the choices of each two slots: computed once for all slots between which the music is alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from agents.arrays import Bools, Floats, Ints
from agents.dance.changes import MusicChange, change_between, pair_amounts
from agents.dance.music import Request
from agents.sequence_planning.choices import Choices


class SlotChange(NamedTuple):
    """From each choice of a slot to each of the next one: whether the clip continues, and the cost, (before, after)."""

    continues: Bools
    costs: Floats


def slot_changes(choices: Choices, request: Request) -> list[SlotChange]:
    """Return the changes to each slot after the first."""
    slots_of: dict[MusicChange, list[int]] = {}
    for slot, (before, after) in enumerate(pairwise(choices.music), 1):
        slots_of.setdefault(MusicChange.between(before, after), []).append(slot)
    pairs = pair_amounts(choices.parts, choices.parts, request.rules)
    found: dict[int, SlotChange] = {}
    for music, slots in slots_of.items():
        found |= zip(slots, _between(music, slots, choices, pairs, request), strict=True)
    return [found[slot] for slot in sorted(found)]


def _between(
    music: MusicChange, slots: Sequence[int], choices: Choices, pairs: Mapping[str, Floats], request: Request
) -> Iterator[SlotChange]:
    """Yield the changes to each of some slots, at which the music changes in the same way."""
    before, after = _joined(choices, [slot - 1 for slot in slots]), _joined(choices, slots)
    parts, at = choices.parts, np.ix_(before, after)
    of_cut = {name: amounts[at] for name, amounts in pairs.items()}
    change = change_between(music, parts.rows(before), parts.rows(after), of_cut, request)
    costs = change.cost(request.rules)
    for slot in slots:
        rows, columns = choices.rows[slot - 1], choices.rows[slot]
        at = np.ix_(np.searchsorted(before, rows), np.searchsorted(after, columns))
        yield SlotChange(change.continues[at], costs[at])


def _joined(choices: Choices, slots: Sequence[int]) -> Ints:
    """Return the rows of all choices of some slots, in order."""
    rows: Ints = np.unique(np.concatenate([choices.rows[slot] for slot in slots]))
    return rows
