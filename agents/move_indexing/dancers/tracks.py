"""Resample a dancer's detections to a track at a fixed rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from agents.arrays import Bools, Floats
from agents.move_indexing.dancers.detections import Detection

RATE_HZ = 10.0  # of tracks that motion is measured on; frames may be sampled at a higher rate
MAX_GAP_S = 0.7
_MAX_DISTANCE_FROM_DETECTION_S = 0.06  # of a sample that a single detection makes tracked


@dataclass(frozen=True)
class Track:
    """A dancer's positions over a clip: `times` (n,) seconds; `xy` (n, 33, 2) pixels; `world` (n, 33, 3) metres.

    `tracked` (n,): the dancer is detected at that time, or before and after it at most 0.7 s apart, which is short
    enough to interpolate. Elsewhere the values are fillers. `detected_share` 0-1: the share of frames with a detection
    of the dancer; `confidence` 0-1: the detections' mean. `from_s`: time of the first frame.
    """

    times: Floats
    xy: Floats
    world: Floats
    tracked: Bools
    detected_share: float = 1.0
    confidence: float = 1.0
    from_s: float = 0.0

    @property
    def tracked_share(self) -> float:
        """Return the share of the time from the first frame on in which the dancer is tracked, 0-1."""
        return float(self.tracked[self.times >= min(self.from_s, self.times[-1])].mean())


def track_dancer(times_s: Sequence[float], detections: Sequence[Detection | None], rate_hz: float = RATE_HZ) -> Track:
    """Return a dancer's track at `rate_hz`, from the frames' times and detections, None where there is no detection."""
    times = np.arange(0.0, max(times_s, default=0.0) + 1e-9, 1 / rate_hz)
    from_s = min(times_s, default=0.0)
    detected = [(time, detection) for time, detection in zip(times_s, detections, strict=True) if detection is not None]
    if not detected:
        zeros = np.zeros((len(times), 33, 3))
        return Track(times, zeros[:, :, :2], zeros, np.zeros(len(times), bool), 0.0, 0.0, from_s)
    known = np.array([time for time, _ in detected])
    return Track(
        times,
        _interpolated(times, known, np.array([detection.xy for _, detection in detected])),
        _interpolated(times, known, np.array([detection.world for _, detection in detected])),
        _tracked(times, known),
        len(detected) / len(times_s),
        float(np.mean([detection.confidence for _, detection in detected])),
        from_s,
    )


def intervals_of(times: Floats, covered: Bools) -> list[tuple[float, float]]:
    """Return the runs of covered samples as (start, end), half a sample longer at both ends, from 0 s on."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], covered, [False]]).astype(int)))
    half = float(times[1] - times[0]) / 2 if len(times) > 1 else 0.0
    return [
        (max(0.0, float(times[a]) - half), float(times[b - 1]) + half) for a, b in list(pairwise(edges.tolist()))[::2]
    ]


def _neighbours(times: Floats, known: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the indices of the last known time before each time and of the first after it, clipped at the ends."""
    after = np.clip(np.searchsorted(known, times), 0, len(known) - 1)
    before = np.where(known[after] <= times, after, np.maximum(after - 1, 0))
    return before, after


def _interpolated(times: Floats, known: Floats, values: Floats) -> Floats:
    before, after = _neighbours(times, known)
    span = np.maximum(known[after] - known[before], 1e-9)
    share = np.clip((times - known[before]) / span, 0.0, 1.0)[:, None, None]
    between: Floats = values[before] * (1 - share) + values[after] * share
    return between


def _tracked(times: Floats, known: Floats) -> Bools:
    before, after = _neighbours(times, known)
    in_short_gap = (known[before] <= times) & (times <= known[after]) & (known[after] - known[before] <= MAX_GAP_S)
    nearest = np.minimum(abs(known[before] - times), abs(known[after] - times))
    tracked: Bools = in_short_gap | (nearest <= _MAX_DISTANCE_FROM_DETECTION_S)
    return tracked
