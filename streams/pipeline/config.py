"""How `ChoreoGenerationPipeline` makes choreographies: the names and defaults of the earlier application."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.move_indexing.dancers.pose_quality import POSE_QUALITIES
from schemas.base import PoseConfidence, PoseRateHz, Quality
from schemas.faults import Poison

_NOT_A_CAUSE = "default_factory_not_called"  # a default that depends on a value which is not valid


def _mode_rate_hz(values: dict[str, Any]) -> float:
    return POSE_QUALITIES[values["quality_mode"]].rate_hz


def _mode_confidence(values: dict[str, Any]) -> float:
    return POSE_QUALITIES[values["quality_mode"]].confidence


def _mode_cleanup(values: dict[str, Any]) -> bool:
    return bool(values["quality_mode"] != "high_quality")


class PipelineConfig(BaseModel):
    """The settings of a pipeline. Raises: `Poison` (`settings`) for a value that is not valid, in one line.

    `quality_mode`: picture size and bit rates of the video, and the defaults of the next two.
    `target_fps`, `min_detection_confidence`: frames per second and lowest score of pose detection, in the clips that
    the pipeline indexes; clips that the library has are not analyzed again.
    `max_workers`: how many songs and clips are worked on at the same time, and the number of step processes of a
    service that the pipeline starts.
    `enable_caching`: False makes each step compute its result again.
    `enable_parallel_move_analysis`: False makes the pipeline index one clip after the other.
    `max_cache_size_mb`: MiB of encoded clips and songs and of detections, above which those used longest ago are
    removed; 0 removes none. A service that runs already keeps its own limit, unless a value is given here.
    `cleanup_after_generation`: remove the encoded song after the video is made; not in `high_quality`, if not given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    quality_mode: Quality = "balanced"
    target_fps: PoseRateHz = Field(default_factory=_mode_rate_hz)
    min_detection_confidence: PoseConfidence = Field(default_factory=_mode_confidence)
    max_workers: int = Field(default=4, ge=1, le=64)
    enable_caching: bool = True
    enable_parallel_move_analysis: bool = True
    max_cache_size_mb: int = Field(default=500, ge=0, le=100_000_000)
    cleanup_after_generation: bool = Field(default_factory=_mode_cleanup)

    def __init__(self, **values: Any) -> None:
        """Check the values."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            found = [detail for detail in error.errors() if detail["type"] != _NOT_A_CAUSE]
            lines = [f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in found]
            raise Poison(f"not a valid PipelineConfig: {'; '.join(lines)}", "settings") from None
