"""The choices for each slot: the parts of its candidates' clips that fit, and what each costs there."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from agents.arrays import Bools, Floats, Ints
from agents.dance.music import Request, SlotMusic
from agents.dance.parts import Part, Parts, parts_of
from agents.dance.slot_faults import slot_cost
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

    def _is_same(self, rows: Ints, row: int) -> Bools:
        same: Bools = (self.parts.clip[rows] == self.parts.clip[row]) & (
            self.parts.first[rows] == self.parts.first[row]
        )
        return same


def choices_of(slots: Sequence[Slot], music: Sequence[SlotMusic], scores: Scores, request: Request) -> Choices:
    """Return at most `MAX_CHOICES_PER_SLOT` choices for each slot, all of which the request's wishes allow.

    Raises: `Poison` (`no_usable_moves`) where no candidate's eight fits a slot.
    """
    clips = {sha: _Clip(move) for sha, move in scores.moves.items()}
    wishes = Wishes(request.options, {sha: (move.name, move.move) for sha, move in scores.moves.items()})
    found = [sorted(_parts(slot, at, scores, clips, wishes)) for slot, at in zip(slots, music, strict=True)]
    _check(found, music, request.options)
    every = sorted({part for parts in found for part in parts})
    number = {part: row for row, part in enumerate(every)}
    parts = parts_of(every, scores.moves, scores.fits)
    rows, costs = [], []
    for slot, at, of_slot in zip(slots, music, found, strict=True):
        all_rows = np.array([number[part] for part in of_slot])
        points = slot_cost(at, parts.rows(all_rows), request) + _chance(of_slot, slot, request.options.seed)
        best = np.sort(np.argsort(points, kind="stable")[:MAX_CHOICES_PER_SLOT])
        rows.append(all_rows[best])
        costs.append(points[best])
    return Choices(tuple(music), parts, tuple(rows), tuple(costs))


def _check(found: Sequence[Sequence[Part]], music: Sequence[SlotMusic], options: DanceOptions) -> None:
    """Check that each slot has a choice, and each pin a phrase. Raises: `Poison` (`no_usable_moves`)."""
    for parts, at in zip(found, music, strict=True):
        pinned = [pin.move for pin in options.pins if pin.phrase == at.phrase]
        if not parts and pinned:
            message = f"{pinned[0]} cannot be danced in phrase {at.phrase}: pin another move, or none"
            raise Poison(message, reason="no_usable_moves")
        if not parts:
            message = "no move that may be danced has enough beats for this song: index longer clips, or ban fewer"
            raise Poison(message, reason="no_usable_moves")
    last = music[-1].phrase
    if any(pin.phrase > last for pin in options.pins):
        raise Poison(f"the dance has {last} phrases: pin moves to these only", reason="no_usable_moves")


class _Clip:
    """The beats of a clip on which its eights begin, and which of its beats may be shown."""

    def __init__(self, move: MoveSummary) -> None:
        self.starts = [eight.start_beat for eight in move.eights]
        self.has_states = bool(move.boundaries)
        self._spans = [(run.first, run.first + len(run.beats) - 1) for run in offered_runs(move)]

    def has(self, first: int, beats: int) -> bool:
        """Return whether beats may be shown."""
        return any(start <= first and first + beats <= last for start, last in self._spans)


def _parts(slot: Slot, music: SlotMusic, scores: Scores, clips: Mapping[str, _Clip], wishes: Wishes) -> Iterator[Part]:
    for sha in sorted({candidate.clip_sha256 for candidate in scores.phrases[slot.phrase].candidates}):
        if not wishes.allow(sha, music):
            continue
        clip = clips[sha]
        for first in sorted({*_first_beats(clip, slot), *_lead_ins(clip, music)}):
            yield Part(sha, first, first + slot.beats)
            if clip.has_states:
                yield Part(sha, first, first + slot.beats, mirrored=True)


def _first_beats(clip: _Clip, slot: Slot) -> Iterator[int]:
    """Yield the clip beats the slot may begin on: beats with its count, and in a long phrase the beats that follow."""
    offsets = {slot.eight_offset, slot.phrase_offset or slot.eight_offset}
    for first in {start + offset for start in clip.starts for offset in offsets}:
        if clip.has(first, slot.beats):
            yield first


def _lead_ins(clip: _Clip, music: SlotMusic) -> Iterator[int]:
    """Yield the beats from which a clip leads into one of its eights, for what lies before the first 1 of the dance."""
    if music.is_first and music.eight_offset:
        for first in (start - music.beats for start in clip.starts):
            if clip.has(first, music.beats):
                yield first


def _chance(parts: Sequence[Part], slot: Slot, seed: int) -> Floats:
    """Return what the seed adds to the points of each part: nothing for seed 0, else the same for parts of a clip."""
    if not seed:
        return np.zeros(len(parts))
    drawn = {clip: random.Random(f"{seed} {slot.times[0]:.3f} {clip}").random() for clip in {p.clip for p in parts}}  # noqa: S311 - a choreography is not a secret
    return np.array([_CHANCE * drawn[part.clip] for part in parts])
