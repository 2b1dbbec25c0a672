"""Sequence planning: a song with its scored moves in, which move on which of its beats out."""

from __future__ import annotations

from agents.sequence_planning.identity import VERSION, known_by
from agents.step import Step, Tools
from schemas.moves_scored import MovesScored
from schemas.sequence_planned import Plan, SequencePlanned


def _work(event: MovesScored, tools: Tools) -> Plan:
    del tools
    from agents.sequence_planning.plan import plan

    return plan(event.scores, event.analysis, event.options)


def _emit(event: MovesScored, result: Plan) -> SequencePlanned:
    return SequencePlanned(**event.carried(), plan=result)


STEP = Step(
    name="sequence_planning",
    version=VERSION,
    consumes=MovesScored,
    result=Plan,
    produces=SequencePlanned,
    known_by=known_by,
    work=_work,
    emit=_emit,
    key=lambda planned: planned.song.sha256,
    timeout_s=120.0,
)
