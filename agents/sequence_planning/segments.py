"""The segments of a plan: runs of slots in which one clip continues, with their runners-up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agents.dance.judge import Sheet
from agents.dance.music import SlotMusic
from agents.dance.parts import Part, Parts
from agents.dance.rules import Rules
from agents.dance.slots import Slot
from agents.sequence_planning.clip_runs import ClipRun, clip_part, clip_runs
from agents.sequence_planning.runners_up import RunnersUp
from schemas.limits import MAX_TERMS
from schemas.move_indexed import MoveSummary
from schemas.sequence_planned import ClipPart, PlanScore, Segment


@dataclass(frozen=True)
class Dance:
    """A dance: the part of a clip in each slot, and how it is judged."""

    slots: Sequence[Slot]
    music: Sequence[SlotMusic]
    parts: Parts
    sheet: Sheet
    moves: Mapping[str, MoveSummary]
    rules: Rules

    def hits(self) -> dict[float, float]:
        """Return the moments of effect, seconds in their clips, by the song beats of the accents that they hit."""
        hits = {}
        for n, effect in enumerate(self.parts.effect_beat.tolist()):
            for accent in self.music[n].accents:
                on_beat = round(accent)
                if abs(effect - accent) <= self.rules["accent"].limit and on_beat < len(self.slots[n].times):
                    hits[self.slots[n].times[on_beat]] = self._clip_time(n, effect)
        return hits

    def _clip_time(self, slot: int, beat: float) -> float:
        part = self.parts.parts[slot]
        beats = self.moves[part.clip].beats[part.first : part.end + 1]
        return float(np.interp(beat, range(len(beats)), beats))

    def terms(self, run: ClipRun) -> dict[str, float]:
        """Return the points that the slots of a run lose by each rule, below 0, and their number (`phrases`).

        Of more rules than an event has terms, those by which it loses most.
        """
        lost = defaultdict[str, float](float)
        for fault in self.sheet.faults:
            if run.start <= fault.slot < run.end:
                lost[fault.rule] -= fault.points
        most = sorted(lost, key=lambda name: (lost[name], name))[: MAX_TERMS - 1]
        terms = {name: round(lost[name], 4) for name in sorted(most) if round(lost[name], 4)}
        return {"phrases": float(run.end - run.start)} | terms


def segments_of(dance: Dance, runners_up: RunnersUp | None = None) -> tuple[Segment, ...]:
    """Return the segments of a dance, with runners-up if something finds them."""
    return tuple(_segments(dance, runners_up))


def _segments(dance: Dance, runners_up: RunnersUp | None) -> Iterator[Segment]:
    hits = dance.hits()
    for run in clip_runs(dance.parts.parts):
        part = clip_part(run, dance.slots, dance.moves, dance.terms(run), hits)
        found = runners_up.of(run.start, run.end) if runners_up else ()
        others = tuple(_clip_parts(dance, run.start, parts) for parts in found)
        seam = dance.sheet.seams[run.start - 1] if run.start else None
        yield Segment(**dict(part), runners_up=others, seam=seam, section=dance.music[run.start].label)


def _clip_parts(dance: Dance, start: int, parts: Sequence[Part]) -> tuple[ClipPart, ...]:
    return tuple(clip_part(run, dance.slots, dance.moves, {}, {}) for run in clip_runs(parts, start))


def score_of(sheet: Sheet) -> PlanScore:
    """Return the score of a plan."""
    marks = {str(mark): value for mark, value in sheet.marks.items()}
    return PlanScore(score=sheet.score, marks=marks, points=sheet.points, broken_gates=sheet.broken_gates)
