"""Dances of several planners in one form: the part of a clip in each slot of the song, judged by one sheet."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agents.arrays import Ints
from agents.dance.changes import MusicChange, change_between, pair_amounts
from agents.dance.dance_grid import DanceGrid, dance_grid_of
from agents.dance.judge import Sheet, judge
from agents.dance.music import Request, SlotMusic, music_of
from agents.dance.parts import Part, Parts, parts_of
from agents.dance.rules import Rules, default_rules
from agents.dance.sequence import Sequences
from agents.dance.slots import Slot, cut_slots
from agents.sequence_planning.choices import Choices, choices_of
from agents.sequence_planning.clip_runs import ClipRun, clip_runs
from agents.sequence_planning.inputs import PlanningInput
from agents.sequence_planning.plan import plan
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import Options
from schemas.move_indexed import MoveSummary
from schemas.moves_scored import Scores
from schemas.sequence_planned import ClipPart


@dataclass(frozen=True)
class Dance:
    """A dance of a song. `parts`: one row for each slot. `shown`: beats of each part between two cuts.

    `effects`: when the moments of effect of the clips are shown, seconds in the song.
    """

    song: AudioAnalysis
    scores: Scores
    slots: tuple[Slot, ...]
    music: tuple[SlotMusic, ...]
    parts: Parts
    request: Request
    sheet: Sheet
    shown: tuple[int, ...]
    effects: tuple[float, ...]

    def continues(self, slot: int) -> bool:
        """Return whether the clip of the slot before goes on in a slot without a cut."""
        before, part = self.parts.parts[slot - 1], self.parts.parts[slot]
        return (before.clip, before.end, before.mirrored) == (part.clip, part.first, part.mirrored)

    @property
    def cuts(self) -> list[int]:
        """Return the slots that begin with a cut."""
        return [slot for slot in range(1, len(self.slots)) if not self.continues(slot)]

    def move(self, slot: int) -> MoveSummary:
        """Return the move that is danced in a slot."""
        return self.scores.moves[self.parts.parts[slot].clip]


@dataclass(frozen=True)
class Shown:
    """A part of a clip between two cuts: its beats in the song and in the clip."""

    clip: str
    song_beats: tuple[float, ...]
    clip_beats: tuple[float, ...]


@dataclass(frozen=True)
class Task:
    """A song to plan, with the moves that are offered and what is asked for."""

    song: AudioAnalysis
    scores: Scores
    options: Options
    rules: Rules

    @classmethod
    def of(cls, song: AudioAnalysis, scores: Scores, options: Options, rules: Rules | None = None) -> Task:
        """Return a task, by default with the rules that hold where nobody chooses others."""
        return cls(song, scores, options, rules or default_rules())

    @property
    def request(self) -> Request:
        """Return what is asked of the dance."""
        return Request.of(self.options, self.rules)

    def dance(self, slots: Sequence[Slot], picked: Sequence[Part], shown: Sequence[Shown]) -> Dance:
        """Return the dance of these parts, one for each slot, with its sheet."""
        request = self.request
        music = music_of(slots, self.song, request)
        parts = parts_of(picked, self.scores.moves, self.scores.fits)
        return Dance(
            song=self.song,
            scores=self.scores,
            slots=tuple(slots),
            music=music,
            parts=parts,
            request=request,
            sheet=judge(slots, music, parts, request),
            shown=tuple(len(part.song_beats) - 1 for part in shown),
            effects=tuple(time for part in shown for time in _effects(part, self.scores.moves[part.clip])),
        )

    def slots(self) -> tuple[Slot, ...]:
        """Return the slots of the song."""
        return cut_slots(dance_grid_of(self.song, self.options), self.scores.phrases)


def planned(task: Task, offered: Scores | None = None) -> Dance:
    """Return the dance of the planner. `offered`: fewer moves than those of the task."""
    planning = PlanningInput(analysis=task.song, scores=offered or task.scores, options=task.options)
    slots = task.slots()
    return _dance_of(task, slots, plan(planning, task.rules).segments)


def earlier_dance(task: Task, segments: Sequence[ClipPart]) -> Dance:
    """Return the dance of another planner's segments, in the slots of the beats that it dances to."""
    times = (*(time for part in segments for time in part.song_beats[:-1]), segments[-1].song_end_s)
    slots = cut_slots(_grid(task.song, times, _last_share(segments[-1], task.scores.moves)), task.scores.phrases)
    return _dance_of(task, slots, segments)


def _dance_of(task: Task, slots: Sequence[Slot], segments: Sequence[ClipPart]) -> Dance:
    shown = [Shown(each.clip_sha256, each.song_beats, each.clip_beats) for each in segments]
    return task.dance(slots, list(parts_in(segments, slots, task.scores.moves)), shown)


def _effects(part: Shown, move: MoveSummary) -> Iterator[float]:
    """Yield when the moments of effect in a part of a clip are shown, seconds in the song."""
    times = {eight.content.effect_s for eight in move.eights if eight.content and eight.content.effect_s is not None}
    for effect_s in sorted(times):
        if part.clip_beats[0] <= effect_s <= part.clip_beats[-1]:
            yield float(np.interp(effect_s, part.clip_beats, part.song_beats))


def parts_in(segments: Sequence[ClipPart], slots: Sequence[Slot], moves: Mapping[str, MoveSummary]) -> Iterator[Part]:
    """Yield the part of a clip that is shown in each slot."""
    starts = [segment.song_start_s for segment in segments]
    for slot in slots:
        segment = segments[bisect_right(starts, slot.times[0]) - 1]
        second = segment.song_beats.index(slot.times[1])  # the first one may last longer, and so be earlier
        first = moves[segment.clip_sha256].beats.index(segment.clip_beats[0]) + second - 1
        yield Part(segment.clip_sha256, first, first + slot.beats, segment.mirrored)


def _grid(song: AudioAnalysis, times: Sequence[float], last_share: float) -> DanceGrid:
    """Return the grid of these beats, counted as the song is."""
    numbers = {time: number for number, time in enumerate(song.beats)}
    at = next(index for index, time in enumerate(times) if time in numbers)
    number = numbers[times[at]]
    counts = tuple((song.counts[number] - 1 + index - at) % 8 + 1 for index in range(len(times)))
    by_time = dict(zip(song.beats, song.counts, strict=True))
    known = tuple(by_time.get(time, count) for time, count in zip(times, counts, strict=True))
    surplus = tuple(time for time in song.beats if times[0] < time < times[-1] and time not in set(times))
    return DanceGrid(tuple(times), known, number - at, last_share, surplus)


def _last_share(segment: ClipPart, moves: Mapping[str, MoveSummary]) -> float:
    beats = moves[segment.clip_sha256].beats
    last = beats.index(segment.clip_beats[0]) + len(segment.clip_beats) - 1
    return min(1.0, (segment.clip_beats[-1] - segment.clip_beats[-2]) / (beats[last] - beats[last - 1]))


class Simple:
    """Dances of simple planners, of the same choices and by the same costs as those of the planner."""

    def __init__(self, task: Task) -> None:
        self._task, self._slots, self._request = task, task.slots(), task.request
        self._music = music_of(self._slots, task.song, self._request)
        self._choices: Choices = choices_of(self._slots, self._music, task.scores, self._request)

    def greedy(self) -> Dance:
        """Return the dance in which each slot gets the choice that costs least after those before it."""
        choices, rules = self._choices, self._request.rules
        rows = [int(choices.rows[0][choices.costs[0].argmin()])]
        dance = Sequences.begin(np.array(rows), choices.parts)
        for slot in range(1, len(self._slots)):
            before, after = choices.parts.rows(np.array(rows[-1:])), choices.parts.rows(choices.rows[slot])
            pairs, music = pair_amounts(before, after, rules), self._music[slot]
            change = change_between(
                MusicChange.between(self._music[slot - 1], music), before, after, pairs, self._request
            )
            total = change.cost(rules)[0] + choices.costs[slot]
            amounts = dance.amounts(choices.rows[slot], change.continues, music, choices.parts, rules)
            total = total + sum(rules.points(name) * amount[0] for name, amount in amounts.items())
            column = int(total.argmin())
            rows.append(int(choices.rows[slot][column]))
            dance = dance.extended(
                np.zeros(1, np.int64), np.array(rows[-1:]), change.continues[0, [column]], choices.parts
            )
        return self._dance(rows)

    def at_random(self, seed: int) -> Dance:
        """Return a dance in which each slot gets any eight of any clip."""
        drawn = random.Random(seed)  # noqa: S311 - the order of clips is not a secret
        return self._dance([self._drawn(rows, drawn) for rows in self._choices.rows])

    def _drawn(self, rows: Ints, drawn: random.Random) -> int:
        parts, every = self._choices.parts.parts, [int(row) for row in rows]
        plain = [row for row in every if not parts[row].mirrored] or every
        clip = drawn.choice(sorted({parts[row].clip for row in plain}))
        return drawn.choice([row for row in plain if parts[row].clip == clip])

    def _dance(self, rows: Sequence[int]) -> Dance:
        picked = [self._choices.parts.parts[row] for row in rows]
        return self._task.dance(self._slots, picked, [self._shown(run) for run in clip_runs(picked)])

    def _shown(self, run: ClipRun) -> Shown:
        slots, beats = self._slots[run.start : run.end], self._task.scores.moves[run.part.clip].beats
        song = (*(time for slot in slots for time in slot.times[:-1]), slots[-1].times[-1])
        return Shown(run.part.clip, song, beats[run.part.first : run.part.end + 1])
