"""Plan the whole dance from a song's analysis, its scored phrases and the request."""

from __future__ import annotations

from itertools import pairwise

from agents.sequence_planning.choices import Choices
from agents.sequence_planning.dance_grid import dance_grid_of
from agents.sequence_planning.inputs import PlanningInput
from agents.sequence_planning.path import PathStep, best_path
from agents.sequence_planning.slots import Slot, cut_slots
from schemas.move_indexed import MoveSummary
from schemas.sequence_planned import Plan, Segment

_ClipRun = list[tuple[Slot, PathStep]]


def plan(planning: PlanningInput) -> Plan:
    """Return the plan with the best score: no gap, cuts on counts 1, all beats within their clips; deterministic.

    Raises: `Poison` for a song with fewer than two beats (`no_beats`), and where no candidate's eight fits
    (`no_usable_moves`).
    """
    analysis, scores = planning.analysis, planning.scores
    slots = cut_slots(dance_grid_of(analysis, planning.duration), scores.phrases)
    choices = Choices(scores, planning.seed)
    path = best_path(slots, [choices.for_slot(slot) for slot in slots])
    segments = tuple(_segment(run, scores.moves) for run in _clip_runs(slots, path))
    return Plan(
        tempo_bpm=analysis.tempo_bpm,
        library_version=scores.library_version,
        segments=segments,
        clips={sha: scores.moves[sha].beats for sha in sorted({segment.clip_sha256 for segment in segments})},
    )


def _clip_runs(slots: tuple[Slot, ...], path: list[PathStep]) -> list[_ClipRun]:
    """Group consecutive slots in which one clip continues: there is no cut between them."""
    runs: list[_ClipRun] = []
    for slot, step in zip(slots, path, strict=True):
        if step.continues_clip:
            runs[-1].append((slot, step))
        else:
            runs.append([(slot, step)])
    return runs


def _segment(run: _ClipRun, summaries: dict[str, MoveSummary]) -> Segment:
    song = _join([slot.times for slot, _ in run])
    clip = _join([step.choice.clip_beats for _, step in run])
    sha = run[0][1].choice.clip
    return Segment(
        move=summaries[sha].move,
        clip=summaries[sha].name,
        clip_sha256=sha,
        song_beats=song,
        clip_beats=clip,
        stretch=round((song[-1] - song[0]) / (clip[-1] - clip[0]), 6),
        terms=_terms(run),
    )


def _join(runs: list[tuple[float, ...]]) -> tuple[float, ...]:
    assert all(before[-1] == after[0] for before, after in pairwise(runs))  # noqa: S101 - a clip continues without a gap
    return (*runs[0], *(time for run in runs[1:] for time in run[1:]))


def _terms(run: _ClipRun) -> dict[str, float]:
    """Return the sums of the slots' terms, those of the transitions included, and the number of slots (`phrases`)."""
    terms = {"phrases": float(len(run))}
    for _, step in run:
        change = {"transition": step.transition, "variety": step.variety}
        for name, term in (step.choice.terms | change).items():
            terms[name] = terms.get(name, 0.0) + term
    return {name: round(term, 4) + 0.0 for name, term in terms.items()}
