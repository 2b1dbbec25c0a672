"""The choices for a slot: every eight of its candidate moves that fits, with the terms of its score."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from agents.playable import EIGHT, MIN_PRESENT_SHARE, Run, playable_runs, with_partial_last_beat
from agents.sequence_planning.slots import Slot
from schemas.faults import Poison
from schemas.move_indexed import Dancers, MoveSummary
from schemas.moves_scored import Candidate, Scores

MAX_CHOICES_PER_SLOT = 96
_STRETCH_WEIGHT = 2.0  # per unit of |ln stretch|: 5 % off costs 0.1
_OUT_OF_RANGE_WEIGHT = 30.0  # the same, for what lies beyond the range below
_MAX_LOG_STRETCH, _MIN_LOG_STRETCH = math.log(1.18), math.log(0.85)
_ALONE_COST, _NOBODY_COST = 6.0, 14.0  # of an eight with one dancer, and what is added to it without any
_MAX_CHANCE = 0.15  # decides between moves that fit about equally well; too little for one that fits badly


@dataclass(frozen=True)
class Choice:
    """Beats `first` to `end` of a clip, shown in a slot.

    `clip_beats` and the poses are of these beats, in seconds and torso lengths. `stretch` is song time over clip time.
    `terms` are above 0 in favour, below 0 against; `value` is their sum, the candidate's score plus those added here.
    """

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
    summary: MoveSummary
    runs: tuple[Run, ...]
    dancers_terms: dict[int, float]  # of each beat that may be shown, until the next
    poses: dict[int, tuple[float, ...]]


class Choices:
    """Finds the choices of each slot in turn; the same seed and slots give the same choices."""

    def __init__(self, scores: Scores, seed: int) -> None:
        self._phrases = scores.phrases
        self._clips = {sha: _clip(summary, playable_runs(summary)) for sha, summary in scores.moves.items()}
        self._chance = random.Random(seed)  # noqa: S311 - a choreography is not a secret

    def for_slot(self, slot: Slot) -> tuple[Choice, ...]:
        """Return at most `MAX_CHOICES_PER_SLOT` choices, ordered by clip and first beat.

        Raises: `Poison` (`no_usable_moves`) where no candidate's eight fits the slot.
        """
        choices = [choice for candidate in self._candidates(slot) for choice in self._choices(candidate, slot)]
        if not choices:
            raise Poison(
                "no move in the library has enough beats for this song: index longer clips", reason="no_usable_moves"
            )
        best = sorted(choices, key=lambda choice: -choice.value)[:MAX_CHOICES_PER_SLOT]
        return tuple(sorted(best, key=lambda choice: (choice.clip, choice.first)))

    def _candidates(self, slot: Slot) -> list[Candidate]:
        return sorted(self._phrases[slot.phrase].candidates, key=lambda candidate: candidate.clip_sha256)

    def _choices(self, candidate: Candidate, slot: Slot) -> Iterator[Choice]:
        clip = self._clips[candidate.clip_sha256]
        for first in _first_beats(clip.summary, slot):
            beats = next(filter(None, (run.part(first, slot.beats) for run in clip.runs)), ())
            if beats and all(beat in clip.dancers_terms for beat in range(first, first + slot.beats)):
                yield self._choice(candidate, clip, first, with_partial_last_beat(beats, slot.last_share), slot)

    def _choice(self, candidate: Candidate, clip: _Clip, first: int, beats: tuple[float, ...], slot: Slot) -> Choice:
        end = first + slot.beats
        stretch = (slot.times[-1] - slot.times[0]) / (beats[-1] - beats[0])
        chance = _MAX_CHANCE * self._chance.random()
        added = {"stretch": stretch_term(stretch), "chance": round(chance, 6)}
        missing = min(clip.dancers_terms[beat] for beat in range(first, end))
        added |= {"dancers": missing} if missing else {}
        return Choice(
            clip=candidate.clip_sha256,
            move=clip.summary.move,
            first=first,
            end=end,
            clip_beats=beats,
            stretch=stretch,
            start_pose=clip.poses.get(first, ()),
            end_pose=clip.poses.get(end, ()),
            terms={**candidate.terms, **added},
            value=round(candidate.score + sum(added.values()), 6),
        )


def stretch_term(stretch: float) -> float:
    """Return the cost of playing slower or faster, 0 or below: small within 0.85-1.18, steep beyond."""
    octaves = math.log(stretch)
    beyond = max(0.0, octaves - _MAX_LOG_STRETCH, _MIN_LOG_STRETCH - octaves)
    return round(-_STRETCH_WEIGHT * abs(octaves) - _OUT_OF_RANGE_WEIGHT * beyond, 6)


def dancers_term(dancers: Dancers) -> float:
    """Return the cost of an eight that lacks a dancer, 0 or below: 0 where both are shown for half of its time."""
    partner, somebody = (1 - min(1.0, share / MIN_PRESENT_SHARE) for share in (dancers.both, dancers.one))
    return round(-_ALONE_COST * partner - _NOBODY_COST * somebody, 6)


def _clip(summary: MoveSummary, runs: tuple[Run, ...]) -> _Clip:
    starts = {eight.start_beat: dancers_term(eight.dancers) for eight in summary.eights}
    terms = {start + beat: term for start, term in starts.items() for beat in range(EIGHT)}
    for run in runs:
        end = run.first + len(run.beats) - 1
        last = max((beat for beat in terms if run.first <= beat < end), default=None)
        if last is not None and end - last <= EIGHT:  # a whole eight that is left out is not shown
            terms |= dict.fromkeys(range(last + 1, end), terms[last])
    return _Clip(summary, runs, terms, _poses(summary))


def _first_beats(summary: MoveSummary, slot: Slot) -> list[int]:
    """Return the clip beats the slot may begin on: beats with its count, and in a long phrase the beats that follow."""
    first_beats = {eight.start_beat + slot.eight_offset for eight in summary.eights}
    if slot.phrase_offset:
        first_beats |= {eight.start_beat + slot.phrase_offset for eight in summary.eights}
    return sorted(first_beats)


def _poses(summary: MoveSummary) -> dict[int, tuple[float, ...]]:
    ends = {eight.start_beat + 8: eight.end_pose for eight in summary.eights if eight.end_pose}
    return ends | {eight.start_beat: eight.start_pose for eight in summary.eights if eight.start_pose}
