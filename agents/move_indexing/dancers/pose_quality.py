"""Define the sampling rate and the confidence threshold of pose detection."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from schemas.base import Quality
from schemas.limits import POSE_CONFIDENCE, POSE_RATE_HZ


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


_VALUES = re.compile(r"([0-9]+(?:\.[0-9]+)?)hz-([0-9]+(?:\.[0-9]+)?)")  # of `PoseQuality.name`


def latest_pose(cache_dir: Path, clip_sha256: str) -> PoseQuality | None:
    """Return the values with which a clip's dancers were detected or read last, or None where none are cached.

    `cache_dir`: as of `cached_detections`, whose files have the name of the values, and the time of their last use.
    """
    by_use = dict(_cached(cache_dir / "dancers" / clip_sha256))
    return by_use[max(by_use)] if by_use else None


def _cached(folder: Path) -> Iterator[tuple[int, PoseQuality]]:
    """Yield the time of the last use of each file of detections, nanoseconds, and its values."""
    for file in folder.glob("*.npz"):
        pose = _named(file.stem.rpartition("-")[0])
        with suppress(FileNotFoundError):  # removed meanwhile
            if pose is not None:
                yield file.stat().st_mtime_ns, pose


def _named(name: str) -> PoseQuality | None:
    mode = next((pose for quality, pose in POSE_QUALITIES.items() if quality == name), None)
    return mode or _with_values(name)


def _with_values(name: str) -> PoseQuality | None:
    """Return the values in the name of a file; None where it has none, or values that nobody can submit."""
    found = _VALUES.fullmatch(name)
    if found is None:
        return None
    pose = PoseQuality(*map(float, found.groups()))
    return pose if _is_within(pose.rate_hz, POSE_RATE_HZ) and _is_within(pose.confidence, POSE_CONFIDENCE) else None


def _is_within(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]
