"""Define the sampling rate and the confidence threshold of pose detection for each quality mode."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.base import Quality


@dataclass(frozen=True)
class PoseQuality:
    """`rate_hz`: sampled frames per second; `confidence` 0-1: the networks' minimum score for a detection."""

    rate_hz: float
    confidence: float


POSE_QUALITIES: dict[Quality, PoseQuality] = {
    "fast": PoseQuality(10.0, 0.3),
    "balanced": PoseQuality(20.0, 0.4),
    "high_quality": PoseQuality(30.0, 0.5),
}
