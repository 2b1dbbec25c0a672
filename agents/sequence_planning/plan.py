"""Plan the whole dance from a song's analysis, its scored phrases and the request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from agents.sequence_planning.choices import Choice, Choices
from agents.sequence_planning.clip_runs import ClipRun, clip_part, clip_runs
from agents.sequence_planning.dance_grid import dance_grid_of
from agents.sequence_planning.inputs import PlanningInput
from agents.sequence_planning.path import PathStep, best_path
from agents.sequence_planning.runners_up import by_clip, runners_up
from agents.sequence_planning.slots import Slot, cut_slots
from schemas.move_indexed import MoveSummary
from schemas.sequence_planned import ClipPart, Plan, Segment


def plan(planning: PlanningInput) -> Plan:
    """Return the plan with the best score: no gap, cuts on counts 1, all beats within their clips; deterministic.

    Each segment has the best other clips for its slots as runners-up.

    Raises: `Poison` for a song with fewer than two beats (`no_beats`), and where no candidate's eight fits
    (`no_usable_moves`).
    """
    analysis, scores = planning.analysis, planning.scores
    slots = cut_slots(dance_grid_of(analysis, planning.duration), scores.phrases)
    finder = Choices(scores, planning.seed)
    choices = [finder.for_slot(slot) for slot in slots]
    runs = clip_runs(slots, best_path(slots, choices))
    segments = tuple(_segments(runs, choices, scores.moves))
    clips = {part.clip_sha256 for segment in segments for part in segment.parts()}
    return Plan(
        tempo_bpm=analysis.tempo_bpm,
        library_version=scores.library_version,
        segments=segments,
        clips={sha: scores.moves[sha].beats for sha in sorted(clips)},
    )


def _segments(
    runs: Sequence[ClipRun], choices: Sequence[tuple[Choice, ...]], summaries: Mapping[str, MoveSummary]
) -> Iterator[Segment]:
    clip_choices = [by_clip(slot) for slot in choices]
    own_clips = [run[0][1].choice.clip for run in runs]
    at = 0
    for number, run in enumerate(runs):
        slots, end = [slot for slot, _ in run], at + len(run)
        neighbours = {*own_clips[max(0, number - 1) : number], *own_clips[number + 1 : number + 2]}
        paths = runners_up(slots, clip_choices[at:end], own_clips[number], neighbours)
        others = tuple(_parts(slots, path, summaries) for path in paths)
        yield Segment(**dict(clip_part(run, summaries)), runners_up=others)
        at = end


def _parts(
    slots: Sequence[Slot], path: Sequence[PathStep], summaries: Mapping[str, MoveSummary]
) -> tuple[ClipPart, ...]:
    return tuple(clip_part(run, summaries) for run in clip_runs(slots, path))
