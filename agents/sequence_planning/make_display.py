"""Make the display of a plan from its opened file."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from statistics import fmean

from agents.sequence_planning.opened_plan import OpenedPlan
from agents.sequence_planning.plan_display import DisplayRow, PlanDisplay
from agents.sequence_planning.plan_rows import section_name

_LEAST_POINTS = 0.005


def display_of(opened: OpenedPlan) -> PlanDisplay:
    """Return the display of a plan."""
    analysis, sheet = opened.heard.analysis, opened.sheet
    return PlanDisplay(
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


def _rows(opened: OpenedPlan) -> Iterator[DisplayRow]:
    analysis, dance = opened.heard.analysis, opened.dance
    lost = _terms(opened)
    for n, (slot, part) in enumerate(zip(dance.slots, dance.parts, strict=True)):
        move = opened.file.moves[part.clip]
        first, last = (bisect_left(analysis.beats, time - 1e-6) for time in (slot.times[0], slot.times[-1]))
        starts = sorted(eight.start_beat for eight in move.eights)
        in_eights = part.first in starts
        clip_s = opened.parts.seconds[n] - (1.0 - slot.last_share) * opened.parts.last_s[n]
        yield DisplayRow(
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
            stretch=round(float(opened.music[n].seconds / clip_s), 3),
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
