"""The choices for each slot: the parts of its candidates' clips that fit, and what each costs there."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

import numpy as np

from agents.arrays import Bools, Floats, Ints
from agents.dance.music import Request, SlotMusic
from agents.dance.parts import Part, Parts, parts_of
from agents.dance.slot_faults import cost_in_slots
from agents.dance.slots import Slot
from agents.dance.wishes import Wishes
from agents.playable import offered_runs
from schemas.base import DanceOptions
from schemas.faults import Poison
from schemas.move_indexed import MoveSummary
from schemas.moves_scored import Scores

MAX_CHOICES_PER_SLOT = 128
_CHANCE = 0.6  # points at most, by which another seed prefers other moves: less than what a rule that is broken costs


@dataclass(frozen=True)
class Choices:
    """The music of each slot, all parts that a dance can be made of, and the rows of those that each slot may get.

    `costs`: points of each choice, with what the seed adds.
    """

    music: tuple[SlotMusic, ...]
    parts: Parts
    rows: tuple[Ints, ...]
    costs: tuple[Floats, ...]

    def avoiding(self, rows: Ints, points: float) -> Choices:
        """Return the choices with more points for the clips' beats that a dance has in each slot, also mirrored."""
        costs = (
            cost + points * self._is_same(of_slot, row)
            for of_slot, cost, row in zip(self.rows, self.costs, rows.tolist(), strict=True)
        )
        return replace(self, costs=tuple(costs))

    def without_unused(self) -> Choices:
        """Return the choices with only the parts that some slot may get."""
        used: Ints = np.unique(np.concatenate(self.rows))
        rows = tuple(np.searchsorted(used, of_slot) for of_slot in self.rows)
        return replace(self, parts=self.parts.rows(used), rows=rows)

    def _is_same(self, rows: Ints, row: int) -> Bools:
        same: Bools = (self.parts.clip[rows] == self.parts.clip[row]) & (
            self.parts.first[rows] == self.parts.first[row]
        )
        return same


def choices_of(
    slots: Sequence[Slot], music: Sequence[SlotMusic], scores: Scores, request: Request, written: Sequence[Part] = ()
) -> Choices:
    """Return at most `MAX_CHOICES_PER_SLOT` choices for each slot, all of which the request's wishes allow.

    `written`: of each slot of a dance that a person wrote its part, which is a choice whatever it is.
    Raises: `Poison` (`no_usable_moves`) where no candidate's eight fits a slot.
    """
    every, found = _found(slots, music, scores, request.options, written)
    if not written:
        _check(found, slots, music, scores, request.options)
    parts = parts_of(every, scores.moves, scores.fits)
    in_slots = cost_in_slots(music, parts, request)
    own = [bisect_left(every, part) for part in written] or [-1] * len(slots)
    rows, costs = list[Ints](), list[Floats]()
    for slot, of_slot, cost, row_of_dance in zip(slots, found, in_slots, own, strict=True):
        points = cost[of_slot] + _chance([every[row] for row in of_slot], slot, request.options.seed)
        ranked = np.where(of_slot == row_of_dance, -np.inf, points)
        best = np.sort(np.argsort(ranked, kind="stable")[:MAX_CHOICES_PER_SLOT])
        rows.append(of_slot[best])
        costs.append(points[best])
    return Choices(tuple(music), parts, tuple(rows), tuple(costs))


def _check(
    found: Sequence[Ints], slots: Sequence[Slot], music: Sequence[SlotMusic], scores: Scores, options: DanceOptions
) -> None:
    """Check that each slot has a choice, and each pin a phrase. Raises: `Poison` (`no_usable_moves`)."""
    for rows, slot, at in zip(found, slots, music, strict=True):
        if not len(rows):
            raise Poison(_why_none(_candidates(slot, scores), at, scores, options), reason="no_usable_moves")
    last = music[-1].phrase
    if any(pin.phrase > last for pin in options.pins):
        raise Poison(f"the dance has {last} phrases: pin moves to these only", reason="no_usable_moves")


def _why_none(candidates: Sequence[str], at: SlotMusic, scores: Scores, options: DanceOptions) -> str:
    """Return why none of the candidates of a slot can be danced there."""
    wishes = _wishes(scores, options)
    pinned = [pin.move for pin in options.pins if pin.phrase == at.phrase]
    if pinned:
        return f"{pinned[0]} cannot be danced in phrase {at.phrase}: pin another move, or none"
    if all(wishes.ban(sha) for sha in candidates):
        return "all moves that can be danced are banned: ban fewer, or index other clips"
    if not any(wishes.allow(sha, at) for sha in candidates):
        return f"bans and only_in leave no move for phrase {at.phrase} ({at.label}, {at.rhythm}): ban fewer"
    return "no move that may be danced has enough beats for this song: index longer clips, or ban fewer"


def _wishes(scores: Scores, options: DanceOptions) -> Wishes:
    return Wishes(options, {sha: (move.name, move.move) for sha, move in scores.moves.items()})


def _found(
    slots: Sequence[Slot],
    music: Sequence[SlotMusic],
    scores: Scores,
    options: DanceOptions,
    written: Sequence[Part],
) -> tuple[list[Part], list[Ints]]:
    """Return all parts that any slot may get, in order, and the rows of those that each slot may get, in order."""
    wishes = _wishes(scores, options)
    keys = [
        [(sha, _Need.of(slot, at)) for sha in _candidates(slot, scores) if wishes.allow(sha, at)]
        for slot, at in zip(slots, music, strict=True)
    ]
    clips = {sha: _Clip(sha, move) for sha, move in scores.moves.items()}
    parts = {(sha, need): clips[sha].parts(need) for sha, need in set(chain.from_iterable(keys))}
    every = sorted({*chain.from_iterable(parts.values()), *written})
    number = {part: row for row, part in enumerate(every)}
    rows = {key: [number[part] for part in of_clip] for key, of_clip in parts.items()}
    own = [[number[part]] for part in written] or [[]] * len(keys)
    return every, [
        np.unique(np.array([*chain.from_iterable(rows[key] for key in of_slot), *of_dance], np.int64))
        for of_slot, of_dance in zip(keys, own, strict=True)
    ]


def _candidates(slot: Slot, scores: Scores) -> list[str]:
    return sorted({candidate.clip_sha256 for candidate in scores.phrases[slot.phrase].candidates})


class _Need(NamedTuple):
    """What a slot needs of a clip: some beats from a beat of an eight on, in a long phrase also from one that follows.

    `leads_in`: whether they may also lead into an eight, for what lies before the first 1 of the dance.
    """

    beats: int
    offsets: tuple[int, ...]
    leads_in: bool

    @classmethod
    def of(cls, slot: Slot, music: SlotMusic) -> _Need:
        offsets = sorted({slot.eight_offset, slot.phrase_offset or slot.eight_offset})
        return cls(slot.beats, tuple(offsets), music.is_first and slot.eight_offset > 0)


class _Clip:
    """Finds the parts of a clip that can be shown."""

    def __init__(self, sha256: str, move: MoveSummary) -> None:
        self._sha256 = sha256
        self._starts = [eight.start_beat for eight in move.eights]
        self._has_states = bool(move.boundaries)
        self._spans = [(run.first, run.first + len(run.beats) - 1) for run in offered_runs(move)]

    def parts(self, need: _Need) -> list[Part]:
        """Return the parts that a slot may get, in order."""
        offsets = (*need.offsets, -need.beats) if need.leads_in else need.offsets
        firsts = sorted({start + offset for start in self._starts for offset in offsets})
        ways = (False, True) if self._has_states else (False,)
        return [
            Part(self._sha256, first, first + need.beats, mirrored)
            for first in firsts
            if self._can_show(first, need.beats)
            for mirrored in ways
        ]

    def _can_show(self, first: int, beats: int) -> bool:
        return any(start <= first and first + beats <= last for start, last in self._spans)


def _chance(parts: Sequence[Part], slot: Slot, seed: int) -> Floats:
    """Return what the seed adds to the points of each part: nothing for seed 0, else the same for parts of a clip."""
    if not seed:
        return np.zeros(len(parts))
    drawn = {clip: random.Random(f"{seed} {slot.times[0]:.3f} {clip}").random() for clip in {p.clip for p in parts}}  # noqa: S311 - a choreography is not a secret
    return np.array([_CHANCE * drawn[part.clip] for part in parts])
