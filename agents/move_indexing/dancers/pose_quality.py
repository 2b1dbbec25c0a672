"""How closely a clip is looked at, by quality mode."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.base import Quality


@dataclass(frozen=True)
class PoseQuality:
    """`rate_hz`: how many frames a second are looked at; `confidence` 0-1: how sure the networks must be."""

    rate_hz: float
    confidence: float


POSE_QUALITIES: dict[Quality, PoseQuality] = {
    "fast": PoseQuality(10.0, 0.3),
    "balanced": PoseQuality(20.0, 0.4),
    "high_quality": PoseQuality(30.0, 0.5),
}
