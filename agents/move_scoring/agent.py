"""Move scoring: an analysed song in, the best moves for each of its phrases out."""

from __future__ import annotations

from agents.move_scoring.identity import VERSION, known_by, library_of
from agents.step import Step, Tools
from schemas.audio_analyzed import AudioAnalyzed
from schemas.moves_scored import MovesScored, Scores


def _work(event: AudioAnalyzed, tools: Tools) -> Scores:
    from agents.move_scoring.score import score

    return score(event.analysis, event.options, library_of(tools))


def _emit(event: AudioAnalyzed, scores: Scores) -> MovesScored:
    return MovesScored(**event.carried(), analysis=event.analysis, scores=scores)


STEP = Step(
    name="move_scoring",
    version=VERSION,
    consumes=AudioAnalyzed,
    result=Scores,
    produces=MovesScored,
    known_by=known_by,
    work=_work,
    emit=_emit,
    key=lambda scored: scored.song.sha256,
    place="worker",
    timeout_s=60.0,
    holds=lambda scores, tools: scores.library_version == library_of(tools).version(),
)
