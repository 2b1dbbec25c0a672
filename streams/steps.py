"""The steps of the stream and the jobs of commands. Adding one here is enough to run it."""

from __future__ import annotations

from typing import Any

from agents.audio_analysis.agent import STEP as AUDIO_ANALYSIS
from agents.audio_analysis.draw_job import DRAW_SONG
from agents.intake.agent import STEP as INTAKE
from agents.media.probe_file import PROBE_FILE
from agents.move_indexing.agent import STEP as MOVE_INDEXING
from agents.move_indexing.draw_job import DRAW_BOUNDARIES, DRAW_MAP, DRAW_MOVE, DRAW_STILL
from agents.move_indexing.split.jobs import CUT_CLIP, SPLIT_RECORDING
from agents.move_scoring.agent import STEP as MOVE_SCORING
from agents.outcome_delivery.agent import STEP as OUTCOME_DELIVERY
from agents.rendering.agent import STEP as RENDERING
from agents.sequence_planning.agent import STEP as SEQUENCE_PLANNING
from agents.sequence_planning.draw_job import DRAW_PLAN
from agents.step import Job, Step

STEPS: tuple[Step[Any, Any, Any, Any], ...] = (
    INTAKE,
    AUDIO_ANALYSIS,
    MOVE_SCORING,
    SEQUENCE_PLANNING,
    RENDERING,
    MOVE_INDEXING,
    OUTCOME_DELIVERY,
)
STEP_BY_NAME = {step.name: step for step in STEPS}
_JOBS: tuple[Job[Any, Any], ...] = (
    DRAW_SONG,
    DRAW_MOVE,
    DRAW_STILL,
    DRAW_BOUNDARIES,
    DRAW_MAP,
    DRAW_PLAN,
    SPLIT_RECORDING,
    CUT_CLIP,
    PROBE_FILE,
)
JOB_BY_NAME: dict[str, Job[Any, Any]] = {job.name: job for job in (*STEPS, *_JOBS)}
