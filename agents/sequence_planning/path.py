"""The best path through the slots: one choice for each.

A beam search: a Viterbi search over (clip, beat) with several histories for each choice, because the cost of a
repetition depends on all that came before. It is exact until histories are dropped, and near the optimum beyond.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.arrays import Bools, Floats, Ints
from agents.sequence_planning.choices import Choice
from agents.sequence_planning.slots import Slot
from agents.sequence_planning.transitions import Transition, Transitions

CLIP_REPEAT_COST, CLIP_REPEAT_FADE = 1.0, 0.95  # the cost of a clip shown in the slot before; its factor per slot later
MOVE_REPEAT_COST, MOVE_REPEAT_FADE = 0.3, 0.85
REPEAT_COUNT_CAP = 2.0  # more repeats than that cost no more: a small library must repeat itself
MAX_IN_A_ROW, EXTRA_ROW_COST = 2, 12.0  # phrases with one move in a row; the cost of each above that
_MAX_HISTORIES = 384  # over all choices of a slot
_MIN_HISTORIES_PER_CHOICE = 4


@dataclass(frozen=True)
class PathStep:
    """The choice for a slot, whether it continues the clip before it, and the costs of the change (0 or below)."""

    choice: Choice
    continues_clip: bool
    transition: float
    variety: float


@dataclass(frozen=True)
class _SlotArrays:
    """A slot's choices as arrays, (choices,)."""

    choices: tuple[Choice, ...]
    clips: Ints
    moves: Ints
    values: Floats


@dataclass(frozen=True)
class _Histories:
    """Paths up to a slot as arrays, (histories,).

    `total`: sum of values less costs. `last`: index of the last choice. `clip_repeats`, `move_repeats`: how often each
    was shown, less the longer ago, (histories, clips) and (histories, moves). `in_a_row`: phrases with the last move.
    `parent`: index of the history a slot before. The rest is of the last step.
    """

    total: Floats
    last: Ints
    clip_repeats: Floats
    move_repeats: Floats
    in_a_row: Ints
    parent: Ints
    transition: Floats
    variety: Floats
    continues_clip: Bools


def best_path(slots: tuple[Slot, ...], choices: list[tuple[Choice, ...]]) -> list[PathStep]:
    """Return for each slot the choice on the path with the greatest sum of values less costs; ties go to the first."""
    slot_arrays = _slot_arrays(choices)
    transitions = Transitions()
    histories = [_begin(slot_arrays[0], choices)]
    for slot, before, after in zip(slots[1:], slot_arrays, slot_arrays[1:], strict=False):
        new_phrase = slot.phrase_offset == 0
        change = transitions.between(before.choices, after.choices, on_one=new_phrase)
        histories.append(_step(histories[-1], before, after, change, new_phrase))
    return _trace(histories, slot_arrays)


def _slot_arrays(choices: list[tuple[Choice, ...]]) -> list[_SlotArrays]:
    clips = _numbers({choice.clip for slot in choices for choice in slot})
    moves = _numbers({choice.move for slot in choices for choice in slot})
    return [
        _SlotArrays(
            choices=slot,
            clips=np.array([clips[choice.clip] for choice in slot], dtype=np.intp),
            moves=np.array([moves[choice.move] for choice in slot], dtype=np.intp),
            values=np.array([choice.value for choice in slot]),
        )
        for slot in choices
    ]


def _numbers(names: set[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(sorted(names))}


def _begin(arrays: _SlotArrays, choices: list[tuple[Choice, ...]]) -> _Histories:
    count = len(arrays.choices)
    rows, nothing = np.arange(count), np.zeros(count)
    clip_repeats = np.zeros((count, len({choice.clip for slot in choices for choice in slot})))
    move_repeats = np.zeros((count, len({choice.move for slot in choices for choice in slot})))
    clip_repeats[rows, arrays.clips] = 1.0
    move_repeats[rows, arrays.moves] = 1.0
    ones, flags = np.ones(count, dtype=np.intp), np.zeros(count, dtype=bool)
    return _Histories(arrays.values, rows, clip_repeats, move_repeats, ones, rows, nothing, nothing, flags)


def _step(
    histories: _Histories, before: _SlotArrays, after: _SlotArrays, change: Transition, new_phrase: bool
) -> _Histories:
    continues_clip = change.continues_clip[histories.last]
    in_a_row = _in_a_row(histories, before, after, continues_clip, new_phrase)
    variety = _variety(histories, after, continues_clip) - EXTRA_ROW_COST * (in_a_row > MAX_IN_A_ROW)
    total = histories.total[:, None] + after.values - change.cost[histories.last] + variety
    parent, last = _best_histories(np.round(total, 9))
    clip_repeats = _add_repeat(histories.clip_repeats[parent], after.clips[last], CLIP_REPEAT_FADE)
    move_repeats = _add_repeat(histories.move_repeats[parent], after.moves[last], MOVE_REPEAT_FADE)
    return _Histories(
        total=total[parent, last],
        last=last,
        clip_repeats=clip_repeats,
        move_repeats=move_repeats,
        in_a_row=in_a_row[parent, last],
        parent=parent,
        transition=-change.cost[histories.last[parent], last],
        variety=variety[parent, last],
        continues_clip=continues_clip[parent, last],
    )


def _in_a_row(
    histories: _Histories, before: _SlotArrays, after: _SlotArrays, continues_clip: Bools, new_phrase: bool
) -> Ints:
    """Return the number of phrases in a row that show the choice's move, (histories, choices)."""
    same = before.moves[histories.last][:, None] == after.moves
    added = np.full(same.shape, 1, dtype=np.intp) if new_phrase else (~continues_clip).astype(np.intp)
    return np.where(same, histories.in_a_row[:, None] + added, 1)


def _variety(histories: _Histories, after: _SlotArrays, continues_clip: Bools) -> Floats:
    clip_cost = CLIP_REPEAT_COST * histories.clip_repeats[:, after.clips]
    move_cost = MOVE_REPEAT_COST * histories.move_repeats[:, after.moves]
    return np.where(continues_clip, 0.0, -(clip_cost + move_cost))


def _best_histories(total: Floats) -> tuple[Ints, Ints]:
    """Return rows and columns in `total` of the best histories for each choice, ordered by choice; ties: the first."""
    histories, choices = total.shape
    beam = min(histories, max(_MIN_HISTORIES_PER_CHOICE, _MAX_HISTORIES // choices))
    sums = np.ascontiguousarray(total.T)
    threshold = np.partition(sums, histories - beam, axis=1)[:, histories - beam, None]
    better, equal = sums > threshold, sums == threshold
    ties = beam - better.sum(axis=1, keepdims=True)
    columns, rows = np.nonzero(better | (equal & (equal.cumsum(axis=1) <= ties)))
    return rows, columns


def _add_repeat(repeats: Floats, newest: Ints, fade: float) -> Floats:
    """Return the repeats a slot later, (histories, names): times `fade`, plus 1 for the newest, at most 2."""
    faded = repeats * fade
    faded[np.arange(len(newest)), newest] += 1.0
    capped: Floats = np.minimum(faded, REPEAT_COUNT_CAP)
    return capped


def _trace(histories: list[_Histories], slot_arrays: list[_SlotArrays]) -> list[PathStep]:
    row = int(np.argmax(np.round(histories[-1].total, 9)))
    path: list[PathStep] = []
    for slot, arrays in zip(reversed(histories), reversed(slot_arrays), strict=True):
        choice = arrays.choices[int(slot.last[row])]
        path.append(
            PathStep(choice, bool(slot.continues_clip[row]), float(slot.transition[row]), float(slot.variety[row]))
        )
        row = int(slot.parent[row])
    return path[::-1]
