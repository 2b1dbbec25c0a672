"""The steps there are, and the errands of commands. Adding one here is all it takes to put it to work."""

from __future__ import annotations

from typing import Any

from agents.audio_analysis.agent import STEP as AUDIO_ANALYSIS
from agents.audio_analysis.showing import SHOW_SONG
from agents.intake.agent import STEP as INTAKE
from agents.move_indexing.agent import STEP as MOVE_INDEXING
from agents.move_indexing.showing import SHOW_MOVE
from agents.move_scoring.agent import STEP as MOVE_SCORING
from agents.rendering.agent import STEP as RENDERING
from agents.sequence_planning.agent import STEP as SEQUENCE_PLANNING
from agents.step import Errand, Step

STEPS: tuple[Step[Any, Any, Any], ...] = (
    INTAKE,
    AUDIO_ANALYSIS,
    MOVE_SCORING,
    SEQUENCE_PLANNING,
    RENDERING,
    MOVE_INDEXING,
)
STEP_BY_NAME = {step.name: step for step in STEPS}
ERRAND_BY_NAME: dict[str, Errand[Any, Any]] = {errand.name: errand for errand in (*STEPS, SHOW_SONG, SHOW_MOVE)}
