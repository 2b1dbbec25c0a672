"""The best way through the slots: their choices in, one choice for each with what it was chosen by out.

A Viterbi search over (move, eight) that keeps several histories for each choice, since what a repetition costs depends
on all that was shown before. It is exact as long as no history had to be given up, and near the optimum beyond.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.arrays import Bools, Floats, Ints
from agents.sequence_planning.choices import Choice
from agents.sequence_planning.slots import Slot
from agents.sequence_planning.transitions import Transition, Transitions

CLIP_REPEAT_COST, CLIP_REPEAT_FADE = 1.0, 0.95  # the cost of a clip just shown, and what is left of it a slot later
MOVE_REPEAT_COST, MOVE_REPEAT_FADE = 0.3, 0.85
REPEAT_COUNT_CAP = 2.0  # what is shown more often than that is not dearer: a small library must repeat itself
MAX_IN_A_ROW, EXTRA_ROW_COST = 2, 12.0
_HISTORIES = 384  # over all choices of a slot
_FEWEST = 4  # for each choice


@dataclass(frozen=True)
class PathStep:
    """The choice for a slot, whether it goes on in the clip before it, and what the change costs (0 or below)."""

    choice: Choice
    goes_on: bool
    transition: float
    variety: float


@dataclass(frozen=True)
class _Stage:
    """A slot's choices as arrays, (choices,)."""

    choices: tuple[Choice, ...]
    clips: Ints
    moves: Ints
    values: Floats


@dataclass(frozen=True)
class _Histories:
    """Ways up to a slot, (histories,): the sum, the last choice, what was shown how lately, and how it came about."""

    total: Floats
    last: Ints
    clips_shown: Floats
    moves_shown: Floats
    in_a_row: Ints
    parent: Ints
    transition: Floats
    variety: Floats
    goes_on: Bools


def best_path(slots: tuple[Slot, ...], choices: list[tuple[Choice, ...]]) -> list[PathStep]:
    """For each slot the choice on the way with the greatest sum of values less costs; ties go to the first."""
    stages = _stages(choices)
    transitions = Transitions()
    ways = [_begin(stages[0], choices)]
    for slot, before, after in zip(slots[1:], stages, stages[1:], strict=False):
        change = transitions.between(before.choices, after.choices, on_one=slot.into == 0)
        ways.append(_step(ways[-1], before, after, change, new_phrase=slot.into == 0))
    return _trace(ways, stages)


def _stages(choices: list[tuple[Choice, ...]]) -> list[_Stage]:
    clips = _numbers({choice.clip for slot in choices for choice in slot})
    moves = _numbers({choice.move for slot in choices for choice in slot})
    return [
        _Stage(
            choices=slot,
            clips=np.array([clips[choice.clip] for choice in slot], dtype=np.intp),
            moves=np.array([moves[choice.move] for choice in slot], dtype=np.intp),
            values=np.array([choice.value for choice in slot]),
        )
        for slot in choices
    ]


def _numbers(names: set[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(sorted(names))}


def _begin(stage: _Stage, choices: list[tuple[Choice, ...]]) -> _Histories:
    count = len(stage.choices)
    rows, nothing = np.arange(count), np.zeros(count)
    clips_shown = np.zeros((count, len({choice.clip for slot in choices for choice in slot})))
    moves_shown = np.zeros((count, len({choice.move for slot in choices for choice in slot})))
    clips_shown[rows, stage.clips] = 1.0
    moves_shown[rows, stage.moves] = 1.0
    ones, flags = np.ones(count, dtype=np.intp), np.zeros(count, dtype=bool)
    return _Histories(stage.values, rows, clips_shown, moves_shown, ones, rows, nothing, nothing, flags)


def _step(ways: _Histories, before: _Stage, after: _Stage, change: Transition, new_phrase: bool) -> _Histories:
    goes_on = change.goes_on[ways.last]
    in_a_row = _in_a_row(ways, before, after, goes_on, new_phrase)
    variety = _variety(ways, after, goes_on) - EXTRA_ROW_COST * (in_a_row > MAX_IN_A_ROW)
    total = ways.total[:, None] + after.values - change.cost[ways.last] + variety
    parent, last = _keep(np.round(total, 9))
    clips_shown = _shown(ways.clips_shown[parent], after.clips[last], CLIP_REPEAT_FADE)
    moves_shown = _shown(ways.moves_shown[parent], after.moves[last], MOVE_REPEAT_FADE)
    return _Histories(
        total=total[parent, last],
        last=last,
        clips_shown=clips_shown,
        moves_shown=moves_shown,
        in_a_row=in_a_row[parent, last],
        parent=parent,
        transition=-change.cost[ways.last[parent], last],
        variety=variety[parent, last],
        goes_on=goes_on[parent, last],
    )


def _in_a_row(ways: _Histories, before: _Stage, after: _Stage, goes_on: Bools, new_phrase: bool) -> Ints:
    """How many phrases the move lasts by now, (histories, choices)."""
    same = before.moves[ways.last][:, None] == after.moves
    one_more = np.full(same.shape, 1, dtype=np.intp) if new_phrase else (~goes_on).astype(np.intp)
    return np.where(same, ways.in_a_row[:, None] + one_more, 1)


def _variety(ways: _Histories, after: _Stage, goes_on: Bools) -> Floats:
    again = CLIP_REPEAT_COST * ways.clips_shown[:, after.clips] + MOVE_REPEAT_COST * ways.moves_shown[:, after.moves]
    return np.where(goes_on, 0.0, -again)


def _keep(total: Floats) -> tuple[Ints, Ints]:
    """The best histories for each choice, of equals the first: rows and columns in `total`, choice after choice."""
    histories, choices = total.shape
    kept = min(histories, max(_FEWEST, _HISTORIES // choices))
    sums = np.ascontiguousarray(total.T)
    least = np.partition(sums, histories - kept, axis=1)[:, histories - kept, None]
    better, equal = sums > least, sums == least
    room = kept - better.sum(axis=1, keepdims=True)
    columns, rows = np.nonzero(better | (equal & (equal.cumsum(axis=1) <= room)))
    return rows, columns


def _shown(before: Floats, now: Ints, fades: float) -> Floats:
    """How often each was shown lately, (histories, names): 1 for each time, less by `fades` a slot, at most 2."""
    shown = before * fades
    shown[np.arange(len(now)), now] += 1.0
    capped: Floats = np.minimum(shown, REPEAT_COUNT_CAP)
    return capped


def _trace(ways: list[_Histories], stages: list[_Stage]) -> list[PathStep]:
    row = int(np.argmax(np.round(ways[-1].total, 9)))
    taken: list[PathStep] = []
    for way, stage in zip(reversed(ways), reversed(stages), strict=True):
        choice = stage.choices[int(way.last[row])]
        taken.append(PathStep(choice, bool(way.goes_on[row]), float(way.transition[row]), float(way.variety[row])))
        row = int(way.parent[row])
    return taken[::-1]
