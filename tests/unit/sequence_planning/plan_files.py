"""Build plan files without media."""

from __future__ import annotations

from collections.abc import Sequence

from agents.sequence_planning.inputs import PlanningInput
from agents.sequence_planning.opened_plan import plan_file_of
from agents.sequence_planning.plan import plan
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import MediaFacts, Options
from schemas.move_indexed import Move
from schemas.moves_scored import MoveFit, MovesScored
from schemas.plan_file import PlanFile, PlanRequest, PlanRow
from schemas.sequence_planned import Plan
from tests.unit.sequence_planning.builders import make_scores

EIGHTS = [1, 2, 3, 4, 5, 6, 7, 8]
SONG = MediaFacts(sha256="a" * 64, size_bytes=1000, kind="audio", format="mp3", codec="mp3", duration_s=1000.0)


def scored(song: AudioAnalysis, moves: Sequence[Move], options: Options) -> MovesScored:
    """Return the event of a song for whose phrases all moves are candidates."""
    scores = make_scores(song, list(moves))
    fits = {move.clip.sha256: MoveFit(fit=0.5, couple="couple-1", room="room-1") for move in moves}
    return MovesScored(
        request_id="request-1",
        song=SONG,
        title="Luna",
        options=options,
        analysis=song,
        scores=scores.model_copy(update={"fits": fits}),
    )


def planned(song: AudioAnalysis, moves: Sequence[Move], options: Options) -> tuple[Plan, PlanFile]:
    """Return the planner's plan of a song, and its file."""
    event = scored(song, moves, options)
    made = plan(PlanningInput(analysis=song, scores=event.scores, options=options))
    return made, plan_file_of(event, made)


def written(
    song: AudioAnalysis, moves: Sequence[Move], rows: Sequence[PlanRow], ends: str, starts: str | None = None
) -> PlanFile:
    """Return the file of a dance that a person wrote."""
    return PlanFile(
        request=PlanRequest(song=SONG, title="Luna", options=Options(duration="full")),
        dance=tuple(rows),
        starts=starts,
        ends=ends,
        library_version="v",
        moves={move.clip.sha256: move.summary() for move in moves},
        fits={move.clip.sha256: MoveFit(fit=0.5, couple="couple-1", room="room-1") for move in moves},
        analysis=song,
    )
