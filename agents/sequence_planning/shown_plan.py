"""A plan as it is shown to people: its rows with the music above and the cuts between them."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from statistics import fmean

from agents.sequence_planning.opened_plan import OpenedPlan, section_name
from schemas.audio_analyzed import Section
from schemas.base import Model
from schemas.plan_file import clock_text
from schemas.sequence_planned import Seam

_LEAST_POINTS = 0.005


class ShownRow(Model):
    """An eight of a dance, or a part of one.

    `phrase`: its number, from 1; `row`: that of its row in a plan file. `counts`: of the song. `energy`: of the music,
    0-1. `place`: where it begins in the clip, in words. `clip_s`: the same in seconds. `stretch`: song time over clip
    time. `seam`: the cut before it; None of the first one and where the clip goes on (`goes_on`). `terms`: points that
    it loses, by rule, the most first.
    """

    phrase: int
    row: int
    start_s: float
    end_s: float
    counts: str
    section: str
    energy: float
    move: str
    clip: str
    clip_sha256: str
    place: str
    clip_s: float
    mirrored: bool
    stretch: float
    goes_on: bool
    seam: Seam | None
    terms: dict[str, float]

    @property
    def at(self) -> str:
        """Return when it begins, such as 0:07.70."""
        return clock_text(self.start_s)


class ShownPlan(Model):
    """A plan as it is shown. `beats`, `energy`, `sections`: of the song. `marks`: 0-10 each. `score`: 0-100."""

    title: str
    tempo_bpm: float
    rows: tuple[ShownRow, ...]
    beats: tuple[float, ...]
    energy: tuple[float, ...]
    sections: tuple[Section, ...]
    broken_gates: int
    points: float
    marks: dict[str, float]
    score: float

    @property
    def start_s(self) -> float:
        """Return when the dance begins in the song, seconds."""
        return self.rows[0].start_s

    @property
    def end_s(self) -> float:
        """Return when it ends, seconds."""
        return self.rows[-1].end_s

    @property
    def grades(self) -> dict[str, int]:
        """Return the number of cuts by grade, without grades that none has."""
        found = [row.seam.grade for row in self.rows if row.seam]
        return {grade: found.count(grade) for grade in ("A", "B", "C", "D", "F") if grade in found}

    def facts(self) -> tuple[str, ...]:
        """Return what is to be known of the whole dance, in a few words each."""
        clips = len({row.clip_sha256 for row in self.rows})
        cuts = ", ".join(f"{grade} {count}" for grade, count in self.grades.items()) or "none"
        broken = f"{self.broken_gates} broken gates" if self.broken_gates else "no broken gate"
        return (
            f"{clock_text(self.end_s - self.start_s, 0)} at {self.tempo_bpm:.0f} BPM",
            f"{clips} clips",
            f"cuts: {cuts}",
            broken,
            f"score {self.score:.0f} of 100",
        )


def shown(opened: OpenedPlan) -> ShownPlan:
    """Return a plan as it is shown."""
    analysis, sheet = opened.heard.analysis, opened.sheet
    return ShownPlan(
        title=opened.file.request.title,
        tempo_bpm=analysis.tempo_bpm,
        rows=tuple(_rows(opened)),
        beats=analysis.beats,
        energy=analysis.energy,
        sections=analysis.sections,
        broken_gates=sheet.broken_gates,
        points=sheet.points,
        marks={str(mark): value for mark, value in sheet.marks.items()},
        score=sheet.score,
    )


def _rows(opened: OpenedPlan) -> Iterator[ShownRow]:
    analysis, dance = opened.heard.analysis, opened.dance
    lost = _terms(opened)
    for n, (slot, part) in enumerate(zip(dance.slots, dance.parts, strict=True)):
        move = opened.file.moves[part.clip]
        first, last = (bisect_left(analysis.beats, time - 1e-6) for time in (slot.times[0], slot.times[-1]))
        starts = sorted(eight.start_beat for eight in move.eights)
        in_eights = part.first in starts
        clip_s = opened.parts.seconds[n] - (1.0 - slot.last_share) * opened.parts.last_s[n]
        yield ShownRow(
            phrase=opened.music[n].phrase,
            row=dance.rows[n],
            start_s=slot.times[0],
            end_s=slot.times[-1],
            counts=dance.counts[n],
            section=section_name(analysis, slot),
            energy=fmean(analysis.energy[first:last] or analysis.energy),
            move=move.move,
            clip=move.name,
            clip_sha256=part.clip,
            place=f"eight {starts.index(part.first) + 1}" if in_eights else f"beat {part.first + 1}",
            clip_s=move.beats[part.first],
            mirrored=part.mirrored,
            stretch=round(float((slot.times[-1] - slot.times[0]) / clip_s), 3),
            goes_on=n > 0 and opened.sheet.seams[n - 1] is None,
            seam=opened.sheet.seams[n - 1] if n else None,
            terms=lost[n],
        )


def _terms(opened: OpenedPlan) -> dict[int, dict[str, float]]:
    """Return the points that each slot loses, by rule."""
    lost: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for fault in opened.sheet.faults:
        lost[fault.slot][fault.rule] -= fault.points
    return defaultdict(
        dict,
        {
            slot: {
                rule: round(points, 2)
                for rule, points in sorted(terms.items(), key=lambda each: (each[1], each[0]))
                if points <= -_LEAST_POINTS
            }
            for slot, terms in lost.items()
        },
    )
