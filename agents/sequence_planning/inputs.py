"""The input of sequence planning."""

from __future__ import annotations

from agents.step import Tools
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import DanceOptions, Model
from schemas.moves_scored import MovesScored, Scores


class PlanningInput(Model):
    """A song's analysis, its scored moves, and the options of its choreography."""

    analysis: AudioAnalysis
    scores: Scores
    options: DanceOptions


def planning_input(event: MovesScored, tools: Tools) -> PlanningInput:
    """Return the input of an event's plan."""
    del tools
    return PlanningInput(analysis=event.analysis, scores=event.scores, options=event.options.for_dance())
