"""Define the sampling rate and the confidence threshold of pose detection."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.base import Quality


@dataclass(frozen=True)
class PoseQuality:
    """`rate_hz`: sampled frames per second; `confidence` 0-1: the networks' minimum score for a detection."""

    rate_hz: float
    confidence: float

    @property
    def quality(self) -> Quality | None:
        """Return the quality mode that has these values, or None."""
        return next((quality for quality, pose in POSE_QUALITIES.items() if pose == self), None)

    @property
    def name(self) -> str:
        """Return a name for files: equal values have the same, different ones another."""
        return self.quality or f"{self.rate_hz!r}hz-{self.confidence!r}"


POSE_QUALITIES: dict[Quality, PoseQuality] = {
    "fast": PoseQuality(10.0, 0.3),
    "balanced": PoseQuality(20.0, 0.4),
    "high_quality": PoseQuality(30.0, 0.5),
}


def pose_quality(quality: Quality, rate_hz: float | None = None, confidence: float | None = None) -> PoseQuality:
    """Return the values of a quality mode, or those that are given in place of them."""
    mode = POSE_QUALITIES[quality]
    return PoseQuality(rate_hz or mode.rate_hz, confidence or mode.confidence)
