"""What measurements of clips share: how a clip is heard, and how a figure is said."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agents.audio_analysis.analysis import analyze
from schemas.faults import Poison

USUAL_TEMPO = 125.0


def heard(clip: Path) -> tuple[float, tuple[float, ...] | None]:
    """A clip's tempo and the embedding of its sound; a usual tempo and None where no beat can be heard."""
    try:
        analysis = analyze(clip)
    except Poison:
        return USUAL_TEMPO, None
    return analysis.tempo_bpm, analysis.embedding


def said(name: str, value: float, goals: Mapping[str, tuple[float, bool]]) -> bool:
    """One line a figure; whether its goal is met. `goals`: for each figure the goal, and whether more is better."""
    goal, more = goals[name]
    met = value >= goal if more else value <= goal
    print(
        f"figure {name} = {value:.4f} (goal {'>=' if more else '<='} {goal:g}) {'met' if met else 'missed'}", flush=True
    )
    return met
