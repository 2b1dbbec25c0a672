"""The move-scoring step: from an analysed song to the best moves for each of its phrases."""

from __future__ import annotations

from agents.move_scoring.inputs import ScoringInput, library_of, scoring_input
from agents.step import Step, Tools, throttled
from schemas.audio_analyzed import AudioAnalyzed
from schemas.base import joined_warnings
from schemas.moves_scored import MovesScored, Scores

_REPORT_INTERVAL_S = 0.3


def _work(scoring: ScoringInput, tools: Tools) -> Scores:
    from agents.move_scoring.score import score

    return score(scoring, library_of(tools), tools.media.has, throttled(tools.report, _REPORT_INTERVAL_S))


def _emit(event: AudioAnalyzed, scores: Scores) -> MovesScored:
    warnings = joined_warnings(event.warnings, scores.warnings)
    return MovesScored(**event.carried() | {"warnings": warnings}, analysis=event.analysis, scores=scores)


def _is_valid(scores: Scores, tools: Tools) -> bool:
    """Return whether the library is still the same, and the media store still has and lacks the same clips."""
    if scores.library_version != library_of(tools).version():
        return False
    has = tools.media.has
    return all(has(sha256) for sha256 in scores.moves) and not any(has(sha256) for sha256 in scores.without_clip)


STEP = Step(
    name="move_scoring",
    version="5",
    consumes=AudioAnalyzed,
    depends_on=scoring_input,
    takes=ScoringInput,
    work=_work,
    result=Scores,
    is_valid=_is_valid,
    emit=_emit,
    produces=MovesScored,
    subject=lambda event, _: event.song.sha256,
    runs_in="thread",
    reads=frozenset({"library"}),
    timeout_s=60.0,
)
