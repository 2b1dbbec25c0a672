"""Planning: the scored phrases, the analysis and the wish in, the plan of the whole dance out."""

from __future__ import annotations

from itertools import pairwise

from agents.sequence_planning.choices import Choices
from agents.sequence_planning.dance_grid import dance_grid_of
from agents.sequence_planning.inputs import PlanningInput
from agents.sequence_planning.path import PathStep, best_path
from agents.sequence_planning.slots import Slot, cut_slots
from schemas.move_indexed import MoveSummary
from schemas.sequence_planned import Plan, Segment

_Part = list[tuple[Slot, PathStep]]


def plan(planning: PlanningInput) -> Plan:
    """The best dance: no gap, cuts on counts 1, all beats within their clips. The same inputs give the same plan.

    Raises `Poison` for a song with fewer than two beats, and where no candidate's eight fits.
    """
    analysis, scores = planning.analysis, planning.scores
    slots = cut_slots(dance_grid_of(analysis, planning.duration), scores.phrases)
    choices = Choices(scores, planning.seed)
    path = best_path(slots, [choices.for_slot(slot) for slot in slots])
    segments = tuple(_segment(part, scores.moves) for part in _parts(slots, path))
    return Plan(
        tempo_bpm=analysis.tempo_bpm,
        library_version=scores.library_version,
        segments=segments,
        clips={sha: scores.moves[sha].beats for sha in sorted({segment.clip_sha256 for segment in segments})},
    )


def _parts(slots: tuple[Slot, ...], path: list[PathStep]) -> list[_Part]:
    """Slots on which one clip goes on are one part: there is no cut between them."""
    parts: list[_Part] = []
    for slot, taken in zip(slots, path, strict=True):
        if taken.goes_on:
            parts[-1].append((slot, taken))
        else:
            parts.append([(slot, taken)])
    return parts


def _segment(part: _Part, cards: dict[str, MoveSummary]) -> Segment:
    song = _joined([slot.times for slot, _ in part])
    clip = _joined([taken.choice.clip_beats for _, taken in part])
    sha = part[0][1].choice.clip
    return Segment(
        move=cards[sha].move,
        clip=cards[sha].name,
        clip_sha256=sha,
        song_beats=song,
        clip_beats=clip,
        stretch=round((song[-1] - song[0]) / (clip[-1] - clip[0]), 6),
        terms=_terms(part),
    )


def _joined(runs: list[tuple[float, ...]]) -> tuple[float, ...]:
    assert all(before[-1] == after[0] for before, after in pairwise(runs))  # noqa: S101 - a clip goes on where it was
    return (*runs[0], *(moment for run in runs[1:] for moment in run[1:]))


def _terms(part: _Part) -> dict[str, float]:
    """The terms of the phrases added up, those of change among them, and how many phrases they are."""
    terms = {"phrases": float(len(part))}
    for _, taken in part:
        change = {"transition": taken.transition, "variety": taken.variety}
        for name, term in (taken.choice.terms | change).items():
            terms[name] = terms.get(name, 0.0) + term
    return {name: round(term, 4) + 0.0 for name, term in terms.items()}
