"""Runs: consecutive slots in which one clip continues without a cut; each becomes a part of the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from agents.sequence_planning.path import PathStep
from agents.sequence_planning.slots import Slot
from schemas.move_indexed import MoveSummary
from schemas.sequence_planned import ClipPart

ClipRun = list[tuple[Slot, PathStep]]


def clip_runs(slots: Sequence[Slot], path: Sequence[PathStep]) -> list[ClipRun]:
    """Group consecutive slots in which one clip continues: there is no cut between them."""
    runs: list[ClipRun] = []
    for slot, step in zip(slots, path, strict=True):
        if step.continues_clip:
            runs[-1].append((slot, step))
        else:
            runs.append([(slot, step)])
    return runs


def clip_part(run: ClipRun, summaries: Mapping[str, MoveSummary]) -> ClipPart:
    """Return the part of the clip that a run shows."""
    song = _join([slot.times for slot, _ in run])
    clip = _join([step.choice.clip_beats for _, step in run])
    sha = run[0][1].choice.clip
    return ClipPart(
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


def _terms(run: ClipRun) -> dict[str, float]:
    """Return the sums of the slots' terms, those of the transitions included, and the number of slots (`phrases`)."""
    terms = {"phrases": float(len(run))}
    for _, step in run:
        change = {"transition": step.transition, "variety": step.variety}
        for name, term in (step.choice.terms | change).items():
            terms[name] = terms.get(name, 0.0) + term
    return {name: round(term, 4) + 0.0 for name, term in terms.items()}
