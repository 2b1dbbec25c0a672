"""The sequence-planning step: from a song's scored moves to the plan of its dance."""

from __future__ import annotations

from agents.sequence_planning.inputs import PlanningInput, planning_input
from agents.step import Step, Tools
from schemas.base import joined_warnings
from schemas.moves_scored import MovesScored
from schemas.sequence_planned import Plan, SequencePlanned


def _work(planning: PlanningInput, tools: Tools) -> Plan:
    del tools
    from agents.sequence_planning.plan import plan

    return plan(planning)


def _emit(event: MovesScored, result: Plan) -> SequencePlanned:
    from agents.sequence_planning.warnings import plan_warnings

    warnings = joined_warnings(event.warnings, plan_warnings(result, event.scores, event.options))
    return SequencePlanned(**event.carried() | {"warnings": warnings}, plan=result)


STEP = Step(
    name="sequence_planning",
    version="6",
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
