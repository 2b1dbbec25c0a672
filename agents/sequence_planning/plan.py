"""Plan the whole dance from a song's analysis, its scored phrases and the request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from agents.dance.dance_grid import dance_grid_of
from agents.dance.judge import Sheet, judge
from agents.dance.music import Request, SlotMusic, music_of
from agents.dance.parts import Parts
from agents.dance.rules import Rules, default_rules
from agents.dance.slots import Slot, cut_slots
from agents.sequence_planning.choices import Choices, choices_of
from agents.sequence_planning.clip_runs import ClipRun, clip_part, clip_runs
from agents.sequence_planning.inputs import PlanningInput
from agents.sequence_planning.path import Path, best_path
from agents.sequence_planning.runners_up import RunnersUp
from agents.sequence_planning.shots import shots_of
from schemas.move_indexed import MoveSummary
from schemas.sequence_planned import Plan, PlanScore, Segment

_SAME_AGAIN = 3.0  # points of an eight that an earlier alternative has in the same slot


def plan(planning: PlanningInput, rules: Rules | None = None) -> Plan:
    """Return the plan with the fewest broken gates, and then the fewest points; deterministic.

    It has no gap, and all beats are within their clips. Each segment has the best other clips for its slots as
    runners-up.

    Raises: `Poison` for a song with fewer than two beats (`no_beats`), and where no candidate's eight fits
    (`no_usable_moves`).
    """
    analysis, scores, request = (
        planning.analysis,
        planning.scores,
        Request.of(planning.options, rules or default_rules()),
    )
    slots = cut_slots(dance_grid_of(analysis, planning.options), scores.phrases)
    music = music_of(slots, analysis, request)
    choices = choices_of(slots, music, scores, request)
    path = _path(music, choices, request)
    parts = choices.parts.rows(path.rows)
    sheet = judge(slots, music, parts, request)
    runners_up = RunnersUp(choices, path.costs, path.columns)
    segments = tuple(_segments(slots, music, choices.parts, parts, sheet, runners_up, scores.moves))
    clips = {part.clip_sha256 for segment in segments for part in segment.parts()}
    return Plan(
        tempo_bpm=analysis.tempo_bpm,
        library_version=scores.library_version,
        segments=segments,
        clips={sha: scores.moves[sha].beats for sha in sorted(clips)},
        score=PlanScore(
            score=sheet.score,
            marks={str(mark): value for mark, value in sheet.marks.items()},
            points=sheet.points,
            broken_gates=sheet.broken_gates,
        ),
        shots=shots_of(choices.parts, scores, request.rules),
    )


def _path(music: Sequence[SlotMusic], choices: Choices, request: Request) -> Path:
    """Return the best path, or of several that differ from each other the one that is asked for."""
    path = best_path(music, choices, request)
    for _ in range(request.options.alternative):
        choices = choices.avoiding(path.rows, _SAME_AGAIN)
        path = best_path(music, choices, request)
    return path


def _segments(  # noqa: PLR0913, PLR0917
    slots: Sequence[Slot],
    music: Sequence[SlotMusic],
    every: Parts,
    parts: Parts,
    sheet: Sheet,
    runners_up: RunnersUp,
    moves: Mapping[str, MoveSummary],
) -> Iterator[Segment]:
    for run in clip_runs(parts.parts):
        others = (
            tuple(
                clip_part(other, slots, moves, {}) for other in clip_runs([every.parts[row] for row in rows], run.start)
            )
            for rows in runners_up.of(run.start, run.end)
        )
        part = clip_part(run, slots, moves, _terms(run, sheet))
        seam = sheet.seams[run.start - 1] if run.start else None
        yield Segment(**dict(part), runners_up=tuple(others), seam=seam, section=music[run.start].label)


def _terms(run: ClipRun, sheet: Sheet) -> dict[str, float]:
    """Return the points that the slots lose by each rule, below 0, and the number of slots (`phrases`)."""
    lost = defaultdict[str, float](float)
    for fault in sheet.faults:
        if run.start <= fault.slot < run.end:
            lost[fault.rule] -= fault.points
    terms = {name: round(points, 4) for name, points in sorted(lost.items()) if round(points, 4)}
    return {"phrases": float(run.end - run.start)} | terms
