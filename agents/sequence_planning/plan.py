"""Plan the whole dance from a song's analysis, its scored phrases and the request."""

from __future__ import annotations

from agents.blas import one_blas_thread
from agents.dance.danced_music import danced_music
from agents.dance.judge import judge
from agents.dance.music import Request
from agents.dance.rules import Rules, default_rules
from agents.sequence_planning.choices import Choices, choices_of
from agents.sequence_planning.inputs import PlanningInput
from agents.sequence_planning.path import Path, best_path
from agents.sequence_planning.runners_up import RunnersUp
from agents.sequence_planning.segments import Dance, score_of, segments_of
from agents.sequence_planning.shots import shots_of
from schemas.sequence_planned import Plan

_SAME_AGAIN = 3.0  # points of an eight that an earlier alternative has in the same slot


@one_blas_thread()
def plan(planning: PlanningInput, rules: Rules | None = None) -> Plan:
    """Return the plan with the fewest broken gates, and then the fewest points; deterministic.

    It has no gap, and all beats are within their clips. Each segment has the best other clips for its slots as
    runners-up.

    Raises: `Poison` for a song with fewer than two beats (`no_beats`), and where no candidate's eight fits
    (`no_usable_moves`).
    """
    scores, request = planning.scores, Request.of(planning.options, rules or default_rules())
    heard, slots, music = danced_music(planning.analysis, scores.phrases, request)
    choices, path = _best(choices_of(slots, music, scores, request), request)
    parts = choices.parts.rows(path.rows)
    sheet = judge(slots, music, parts, request)
    dance = Dance(slots, music, parts, sheet, scores.moves, request.rules)
    segments = segments_of(dance, RunnersUp(choices, path.changes, path.rows.tolist()))
    clips = {part.clip_sha256 for segment in segments for part in segment.parts()}
    return Plan(
        tempo_bpm=planning.analysis.tempo_bpm,
        library_version=scores.library_version,
        segments=segments,
        clips={sha: scores.moves[sha].beats for sha in sorted(clips)},
        score=score_of(sheet),
        shots=shots_of(choices.parts, scores, request.rules, planning.analysis.tempo_bpm, music[-1].phrase),
        music=heard.parts,
    )


def _best(choices: Choices, request: Request) -> tuple[Choices, Path]:
    """Return the best path, or of several that differ from each other the one that is asked for, and its choices."""
    path = best_path(choices, request)
    for _ in range(request.options.alternative):
        choices = choices.avoiding(path.rows, _SAME_AGAIN)
        path = best_path(choices, request, path.changes)
    return choices, path
