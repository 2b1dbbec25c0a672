"""Find the position of each dancer of a clip at any time, and whether it is detected or interpolated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.dance import analyze_dance
from agents.move_indexing.dancers.detection_cache import ClipDetections
from agents.move_indexing.dancers.detections import torso_length
from agents.move_indexing.dancers.tracks import Track, intervals_of

# Colour-blind readers, too, can distinguish blue and orange from each other, and from skin, floors and walls.
LEAD, FOLLOW = "#1f9bff", "#ff9a1f"

_RATE_HZ = 30.0  # of the tracks
_MAX_DISTANCE_FROM_DETECTION = 0.75  # of the time between two sampled frames
_TORSO_WINDOW_S = 0.5  # before and after


@dataclass(frozen=True)
class Body:
    """A dancer in one picture: `xy` (33, 2) in its pixels; `detected`: detected at that time, not interpolated.

    `torso_px`: the torso's length, the median over a second: the length in one picture shrinks when the dancer bends.
    """

    xy: Floats
    torso_px: float
    colour: str
    detected: bool


@dataclass(frozen=True)
class Dancer:
    """One dancer of a clip, tracked in pictures of `size` (width, height) pixels.

    `detected_s`: the times of the frames in which the dancer is detected; a detection covers `reach_s` before and after
    its time.
    """

    name: str
    colour: str
    track: Track
    size: tuple[int, int]
    detected_s: Floats
    reach_s: float

    def body_at(self, time_s: float, size: tuple[int, int]) -> Body | None:
        """Return the dancer in a picture of that (width, height), or None where the dancer is not tracked."""
        if not self.track.tracked[_nearest_sample(self.track, time_s)]:
            return None
        scale = np.array(size, float) / self.size
        torso_px = self._torso_length(time_s) * float(scale.mean())
        return Body(_interpolated_xy(self.track, time_s) * scale, torso_px, self.colour, self._is_detected(time_s))

    def intervals(self, *, detected: bool) -> list[tuple[float, float]]:
        """Return the (start, end) in seconds of each time the dancer is tracked, or, with `detected`, is detected."""
        covered = self.track.tracked
        if detected:
            covered = covered & np.array([self._is_detected(time) for time in self.track.times], bool)
        return intervals_of(self.track.times, covered)

    def _torso_length(self, time_s: float) -> float:
        near = self.track.tracked & (np.abs(self.track.times - time_s) <= _TORSO_WINDOW_S)
        return float(np.median(torso_length(self.track.xy[near])))

    def _is_detected(self, time_s: float) -> bool:
        return bool(len(self.detected_s) and np.abs(self.detected_s - time_s).min() <= self.reach_s)


def couple(detections: ClipDetections) -> tuple[Dancer, Dancer]:
    """Return the lead and the follow. Raises: `Poison` (`nobody`), as `analyze_dance`."""
    dance = analyze_dance(detections.frames, _RATE_HZ)
    tracks = (dance.lead, dance.follow)
    times = np.array([frame.time_s for frame in detections.frames])
    detected = [times[[pair[index] is not None for pair in dance.pairs]] for index in (0, 1)]
    reach_s = _MAX_DISTANCE_FROM_DETECTION * float(np.median(np.diff(times)))
    names = (("lead", LEAD), ("follow", FOLLOW))
    lead, follow = (
        Dancer(name, colour, track, detections.size, detected_s, reach_s)
        for (name, colour), track, detected_s in zip(names, tracks, detected, strict=True)
    )
    return lead, follow


def _nearest_sample(track: Track, time_s: float) -> int:
    return min(max(round(time_s * _RATE_HZ), 0), len(track.times) - 1)


def _interpolated_xy(track: Track, time_s: float) -> Floats:
    """Return a track's landmarks (33, 2) at a time between two of its samples, linearly interpolated."""
    position = min(max(time_s * _RATE_HZ, 0.0), len(track.times) - 1.0)
    before = int(position)
    after = min(before + 1, len(track.times) - 1)
    between: Floats = track.xy[before] + (position - before) * (track.xy[after] - track.xy[before])
    return between
