"""Judge a dance by the rules: its faults with time and rule, a grade for each cut, and the marks of a score sheet."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agents.arrays import Bools, Floats, Ints
from agents.dance.changes import Change, MusicChange, change_between, pair_amounts
from agents.dance.grades import NEW_COUPLE, seam_of
from agents.dance.music import Request, SlotMusic
from agents.dance.parts import Parts
from agents.dance.rules import LEAST_AMOUNT, MARKS, Mark, Rules
from agents.dance.sequence import Sequences
from agents.dance.slot_faults import amounts_in_slots
from agents.dance.slots import Slot
from schemas.sequence_planned import Seam

_AT_ONCE = 32  # slots
_FULL_MARK = 10.0
_HALVING_POINTS = 0.75  # points a slot that lower a mark from 10 to 5


@dataclass(frozen=True)
class Fault:
    """A fault: in which slot, which rule, how much of it, and what it costs. `breaks_gate`: whether it must not be."""

    slot: int
    time_s: float
    rule: str
    amount: float
    points: float
    breaks_gate: bool = False


@dataclass(frozen=True)
class Sheet:
    """The score sheet of a dance.

    `points`: lost in all, which a plan has as few of as possible after its `broken_gates`. `marks`: 0-10 each. `score`:
    their weighted mean, 0-100. `seams`: of each slot after the first, None where the clip continues.
    """

    faults: tuple[Fault, ...]
    seams: tuple[Seam | None, ...]
    broken_gates: int
    points: float
    marks: dict[Mark, float]
    score: float


def judge(
    slots: Sequence[Slot],
    music: Sequence[SlotMusic],
    parts: Parts,
    request: Request,
    others: Sequence[Mapping[str, float]] = (),
) -> Sheet:
    """Return the sheet of a dance of `parts`, one for each slot in turn: `parts_of` makes them.

    `others`: amounts of the faults of each slot that no planned dance has, by rule.
    """
    rules = request.rules
    found = list(_faults(slots, music, parts, request))
    faults = tuple(fault for faults, _ in found for fault in faults)
    faults += tuple(fault for n, amounts in enumerate(others) for fault in _other_faults(n, slots[n], amounts, rules))
    marks = _marks(faults, len(slots), rules)
    weights = np.array([rules.marks.get(mark, 0.0) for mark in MARKS])
    score = float(np.average([marks[mark] for mark in MARKS], weights=weights)) * 100 / _FULL_MARK
    return Sheet(
        faults=faults,
        seams=tuple(seam for _, seam in found[1:]),
        broken_gates=sum(fault.breaks_gate for fault in faults),
        points=round(sum(fault.points for fault in faults), 6),
        marks=marks,
        score=round(score, 1),
    )


def _faults(
    slots: Sequence[Slot], music: Sequence[SlotMusic], parts: Parts, request: Request
) -> Iterator[tuple[list[Fault], Seam | None]]:
    """Yield the faults of each slot, and the grade of the cut before it."""
    rules = request.rules
    in_slots, at_cuts = _amounts_in_slots(music, parts, request), _amounts_at_cuts(parts, rules)
    rows = [np.array([row]) for row in range(len(slots))]
    one = [parts.rows(row) for row in rows]
    dance = Sequences.begin(rows[0], parts)
    for n, slot in enumerate(slots):
        amounts = {name: values[rows[n]] for name, values in in_slots.items()}
        faults = _of_amounts(n, slot, amounts, rules, _names(rules.broken(amounts)))
        seam = None
        if n:
            pairs = {name: values[rows[n - 1], None] for name, values in at_cuts.items()}
            change = change_between(MusicChange.between(music[n - 1], music[n]), one[n - 1], one[n], pairs, request)
            in_sequence = dance.amounts(rows[n], change.continues, music[n], parts, rules)
            faults += _of_amounts(n, slot, change.amounts, rules, _names(change.broken))
            faults += _of_amounts(n, slot, in_sequence, rules, _names(rules.broken(in_sequence)))
            seam = _seam(change, one[n - 1], one[n], request)
            dance = dance.extended(np.zeros(1, np.int64), rows[n], change.continues[0], parts)
        yield faults, seam


def _amounts_in_slots(music: Sequence[SlotMusic], parts: Parts, request: Request) -> dict[str, Floats]:
    """Return for each rule the amounts of its fault in each slot, (slots,)."""
    blocks = [
        amounts_in_slots(music[some[0] : some[-1] + 1], parts.rows(some), request) for some in _blocks(len(music))
    ]
    return _diagonals(blocks)


def _amounts_at_cuts(parts: Parts, rules: Rules) -> dict[str, Floats]:
    """Return for each rule of a cut the amounts of its fault before each slot but the first, (slots - 1,)."""
    return _diagonals(
        [pair_amounts(parts.rows(some), parts.rows(some + 1), rules) for some in _blocks(len(parts.parts) - 1)]
    )


def _blocks(number: int) -> list[Ints]:
    """Return the numbers below `number`, some at once: each is combined with all of its block, and one is needed."""
    return [np.arange(start, min(start + _AT_ONCE, number)) for start in range(0, number, _AT_ONCE)]


def _diagonals(blocks: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    names = blocks[0] if blocks else ()
    return {name: np.concatenate([block[name].diagonal() for block in blocks]) for name in names}


def _other_faults(n: int, slot: Slot, amounts: Mapping[str, float], rules: Rules) -> list[Fault]:
    arrays = {name: np.array(amount) for name, amount in amounts.items()}
    return _of_amounts(n, slot, arrays, rules, _names(rules.broken(arrays)))


def _of_amounts(
    n: int, slot: Slot, amounts: Mapping[str, np.ndarray], rules: Rules, broken: Collection[str]
) -> list[Fault]:
    faults = []
    for name, values in amounts.items():
        amount = float(values.ravel()[0])
        if amount >= LEAST_AMOUNT:
            points = rules.points(name) * amount
            faults.append(Fault(n, slot.times[0], name, amount, points, name in broken))
    return faults


def _names(broken: Mapping[str, Bools]) -> set[str]:
    return {name for name, is_so in broken.items() if is_so.ravel()[0]}


def _seam(change: Change, before: Parts, after: Parts, request: Request) -> Seam | None:
    if change.continues[0, 0]:
        return None
    amounts = {name: float(values[0, 0]) for name, values in change.amounts.items()}
    if change.new_couple[0, 0]:
        return NEW_COUPLE
    return seam_of(amounts, _names(change.broken), before, after, request.rules)


def _marks(faults: Sequence[Fault], slots: int, rules: Rules) -> dict[Mark, float]:
    """Return the marks: 10 without a fault, 5 at _HALVING_POINTS, and always less for more points."""
    lost = dict.fromkeys(MARKS, 0.0)
    for fault in faults:
        lost[rules[fault.rule].mark] += fault.points
    return {mark: round(_FULL_MARK / (1 + points / slots / _HALVING_POINTS), 2) for mark, points in lost.items()}
