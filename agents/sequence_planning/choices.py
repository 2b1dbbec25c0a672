"""What may be shown in a slot: its candidates in, every eight of theirs that fits, with what speaks for it, out."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from agents.playable import playable_beats
from agents.sequence_planning.slots import Slot
from schemas.faults import Poison
from schemas.move_indexed import MoveSummary
from schemas.moves_scored import Candidate, Scores

MAX_CHOICES = 96
_STRETCH = 2.0  # 5 % off costs 0.1
_TOO_FAR = 30.0
_SLOWEST, _FASTEST = math.log(1.18), math.log(0.85)
_CHANCE = 0.15  # enough to choose among moves that fit about as well, too little for one that fits badly


@dataclass(frozen=True)
class Choice:
    """Beats `first` to `end` of a clip, on a slot. `terms` speak for it or, below 0, against; `value` is their sum."""

    clip: str
    move: str
    first: int
    end: int
    clip_beats: tuple[float, ...]
    stretch: float
    start_pose: tuple[float, ...]
    end_pose: tuple[float, ...]
    terms: dict[str, float]
    value: float


@dataclass(frozen=True)
class _Clip:
    card: MoveSummary
    beats: tuple[float, ...]
    poses: dict[int, tuple[float, ...]]


class Choices:
    """Finds the choices for slots, one after the other; the same seed and slots give the same choices."""

    def __init__(self, scores: Scores, seed: int) -> None:
        self._phrases = scores.phrases
        self._clips = {sha: _Clip(card, playable_beats(card), _poses(card)) for sha, card in scores.moves.items()}
        self._chance = random.Random(seed)  # noqa: S311 - a choreography is no secret

    def for_slot(self, slot: Slot) -> tuple[Choice, ...]:
        """At most 96 choices, by clip and beat. Raises `Poison` where no candidate's eight fits the slot."""
        found = [choice for named in self._candidates(slot) for choice in self._of(named, slot)]
        if not found:
            raise Poison(
                "no move of the library has beats enough for this song: index longer clips", reason="no_usable_moves"
            )
        best = sorted(found, key=lambda choice: -choice.value)[:MAX_CHOICES]
        return tuple(sorted(best, key=lambda choice: (choice.clip, choice.first)))

    def _candidates(self, slot: Slot) -> list[Candidate]:
        return sorted(self._phrases[slot.phrase].candidates, key=lambda candidate: candidate.clip_sha256)

    def _of(self, candidate: Candidate, slot: Slot) -> Iterator[Choice]:
        clip = self._clips[candidate.clip_sha256]
        for first in _firsts(clip.card, slot):
            if first + slot.beats < len(clip.beats):
                yield self._choice(candidate, clip, first, slot)

    def _choice(self, candidate: Candidate, clip: _Clip, first: int, slot: Slot) -> Choice:
        end = first + slot.beats
        beats = _laid(clip.beats[first : end + 1], slot.last_share)
        stretch = (slot.times[-1] - slot.times[0]) / (beats[-1] - beats[0])
        chance = _CHANCE * self._chance.random()
        terms = {**candidate.terms, "stretch": stretch_term(stretch), "chance": round(chance, 6)}
        return Choice(
            clip=candidate.clip_sha256,
            move=clip.card.move,
            first=first,
            end=end,
            clip_beats=beats,
            stretch=stretch,
            start_pose=clip.poses.get(first, ()),
            end_pose=clip.poses.get(end, ()),
            terms=terms,
            value=round(candidate.score + terms["stretch"] + terms["chance"], 6),
        )


def stretch_term(stretch: float) -> float:
    """What playing slower or faster costs, 0 or below: little within 0.85-1.18, and soon much beyond."""
    octaves = math.log(stretch)
    beyond = max(0.0, octaves - _SLOWEST, _FASTEST - octaves)
    return round(-_STRETCH * abs(octaves) - _TOO_FAR * beyond, 6)


def _firsts(card: MoveSummary, slot: Slot) -> list[int]:
    """The clip's beats the slot may begin on: those with its count, and in a long phrase those that go on."""
    firsts = {eight.start_beat + slot.count for eight in card.eights}
    if slot.into:
        firsts |= {eight.start_beat + slot.into for eight in card.eights}
    return sorted(firsts)


def _laid(beats: tuple[float, ...], last_share: float) -> tuple[float, ...]:
    if last_share == 1.0:
        return beats
    return (*beats[:-1], beats[-2] + last_share * (beats[-1] - beats[-2]))


def _poses(card: MoveSummary) -> dict[int, tuple[float, ...]]:
    ends = {eight.start_beat + 8: eight.end_pose for eight in card.eights if eight.end_pose}
    return ends | {eight.start_beat: eight.start_pose for eight in card.eights if eight.start_pose}
