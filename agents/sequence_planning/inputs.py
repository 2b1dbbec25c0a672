"""The input of sequence planning."""

from __future__ import annotations

from agents.step import Tools
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import Duration, Model, Seed
from schemas.moves_scored import MovesScored, Scores


class PlanningInput(Model):
    """A song's analysis, its scored moves, and the requested duration; difficulty and energy are in the scores.

    `seed`: another seed gives another choreography.
    """

    analysis: AudioAnalysis
    scores: Scores
    duration: Duration
    seed: Seed


def planning_input(event: MovesScored, tools: Tools) -> PlanningInput:
    """Return the input of an event's plan."""
    del tools
    return PlanningInput(
        analysis=event.analysis, scores=event.scores, duration=event.options.duration, seed=event.options.seed
    )
