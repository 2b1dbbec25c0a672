"""The sequence-planning step: from a song's scored moves to the plan of its dance."""

from __future__ import annotations

from collections.abc import Iterator

from agents.playable import has_unsure_one
from agents.sequence_planning.inputs import PlanningInput, planning_input
from agents.step import Step, Tools
from agents.texts import first_few
from schemas.base import joined_warnings
from schemas.moves_scored import MovesScored
from schemas.sequence_planned import Plan, SequencePlanned


def _work(planning: PlanningInput, tools: Tools) -> Plan:
    del tools
    from agents.sequence_planning.plan import plan

    return plan(planning)


def _emit(event: MovesScored, result: Plan) -> SequencePlanned:
    warnings = joined_warnings(event.warnings, _count_warning(event, result))
    return SequencePlanned(**event.carried() | {"warnings": warnings}, plan=result)


def _count_warning(event: MovesScored, result: Plan) -> Iterator[str]:
    """Yield a warning where clips are planned whose 1 is unsure."""
    planned = {segment.clip_sha256 for segment in result.segments}
    moves = (event.scores.moves[clip] for clip in planned if clip in event.scores.moves)
    unsure = sorted(move.name for move in moves if has_unsure_one(move))
    if unsure:
        yield (
            f"the 1 of these clips is unsure: {first_few(unsure)}; "
            "settle it with `bachata moves edit NAME --first-one SECONDS`"
        )


STEP = Step(
    name="sequence_planning",
    version="3",
    consumes=MovesScored,
    depends_on=planning_input,
    takes=PlanningInput,
    work=_work,
    result=Plan,
    emit=_emit,
    produces=SequencePlanned,
    subject=lambda event, _: event.song.sha256,
    timeout_s=120.0,
    memory_mb=768,
)
