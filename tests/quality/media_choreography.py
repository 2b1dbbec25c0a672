"""Plan a choreography over all odd clips that are taken, by the real planner, render it, and measure the video."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from agents.move_indexing.indexed_move import IndexedMove
from agents.rendering.inputs import RenderingInput
from agents.rendering.result import RenderResult
from agents.sequence_planning.inputs import PlanningInput
from infra.move_index.edge import EdgeMoveIndex
from schemas.base import Options
from schemas.faults import Fault
from schemas.moves_scored import Scores
from schemas.sequence_planned import Plan
from tests.quality.media_cases import ClipCase
from tests.quality.media_clips import AnalyzedSong
from tests.quality.media_row import Row, Runner
from tests.unit.move_scoring.builders import score_of

_OPTIONS = Options(duration="full", difficulty="advanced")
_HALF_FRAME_MS = 1000 / 15 / 2 * 1.1  # of the slowest clip, played a tenth slower
_MIN_CLIPS = 5


async def measure_choreography(
    runner: Runner, song: AnalyzedSong, taken: Sequence[tuple[ClipCase, IndexedMove]], folder: Path
) -> Row:
    """Return what is right about the choreography of a whole song, and what it costs."""
    row = Row(f"a choreography of {len(taken)} clips")
    row.other = "-"
    scores = await asyncio.to_thread(_scores, song, [move for _, move in taken], folder)
    planning = PlanningInput(analysis=song.analysis, scores=scores, options=_OPTIONS)
    try:
        plan = Plan.model_validate_json(await runner.run(row, "sequence_planning", planning))
        rendering = RenderingInput(song_sha256=song.sha256, plan=plan, quality="balanced", title_slug="odd")
        result = RenderResult.model_validate_json(await runner.run(row, "rendering", rendering))
    except Fault as fault:
        row.check("fails", right=False, wrong=f"{fault.reason}: {fault}")
        return row
    clips = len({segment.clip_sha256 for segment in plan.segments})
    row.check(f"{len(plan.segments)} segments of {clips} clips", clips >= _MIN_CLIPS)
    row.check(f"{len(result.warnings)} replaced", not result.warnings, wrong="; ".join(result.warnings))
    error_ms = result.video.max_cut_error_ms
    row.check(f"cuts {error_ms:.1f} ms", error_ms <= _HALF_FRAME_MS)
    return row


def _scores(song: AnalyzedSong, moves: Sequence[IndexedMove], folder: Path) -> Scores:
    index = EdgeMoveIndex(folder / "moves")
    for move in moves:
        index.upsert(move.to_event("odd", None).move)
    index.flush()
    try:
        return score_of(song.analysis, _OPTIONS, index)
    finally:
        index.close()
