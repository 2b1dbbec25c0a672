"""The changes between the choices of each two slots: computed once for all slots between which the music is alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from agents.arrays import Bools, Floats, Ints
from agents.dance.changes import MusicChange, change_between, pair_amounts
from agents.dance.music import Request
from agents.dance.parts import Parts
from agents.sequence_planning.choices import Choices

_ROWS_AT_ONCE = 128


class SlotChange(NamedTuple):
    """From each choice of a slot to each of the next one: whether the clip continues, and the cost, (before, after)."""

    continues: Bools
    costs: Floats


def slot_changes(choices: Choices, request: Request) -> list[SlotChange]:
    """Return the changes to each slot after the first."""
    slots_of: dict[MusicChange, list[int]] = {}
    for slot, (before, after) in enumerate(pairwise(choices.music), 1):
        slots_of.setdefault(MusicChange.between(before, after), []).append(slot)
    found: dict[int, SlotChange] = {}
    for music, slots in slots_of.items():
        found |= zip(slots, _to_slots(slots, music, choices, request), strict=True)
    return [found[slot] for slot in sorted(found)]


def _to_slots(slots: Sequence[int], music: MusicChange, choices: Choices, request: Request) -> Iterator[SlotChange]:
    """Yield the changes to each of some slots. `music`: how it changes there."""
    before, after = _joined(choices, [slot - 1 for slot in slots]), _joined(choices, slots)
    change = _between(choices.parts, before, after, music, request)
    for slot in slots:
        rows, columns = choices.rows[slot - 1], choices.rows[slot]
        at = np.ix_(np.searchsorted(before, rows), np.searchsorted(after, columns))
        yield SlotChange(change.continues[at], change.costs[at])


def _between(parts: Parts, before: Ints, after: Ints, music: MusicChange, request: Request) -> SlotChange:
    """Return the changes between rows of parts, some rows at once: so many amounts would take much memory."""
    changes, into = [], parts.rows(after)
    for rows in np.array_split(before, len(before) // _ROWS_AT_ONCE + 1):
        out_of = parts.rows(rows)
        change = change_between(music, out_of, into, pair_amounts(out_of, into, request.rules), request)
        changes.append(SlotChange(change.continues, change.cost(request.rules)))
    return SlotChange(*map(np.concatenate, zip(*changes, strict=True)))


def _joined(choices: Choices, slots: Sequence[int]) -> Ints:
    """Return the rows of all choices of some slots, in order."""
    rows: Ints = np.unique(np.concatenate([choices.rows[slot] for slot in slots]))
    return rows
