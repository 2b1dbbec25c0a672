"""What was seen in a clip goes in; where each dancer is at any moment, and how surely, comes out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from agents.arrays import Bools, Floats
from agents.move_indexing.dancers.dance import analyze_dance
from agents.move_indexing.dancers.detection_cache import ClipDetections
from agents.move_indexing.dancers.detections import torso
from agents.move_indexing.dancers.tracks import Track

# Blue and orange differ for all eyes, from each other and from skin, floors and walls.
LEAD, FOLLOW = "#1f9bff", "#ff9a1f"

_RATE_HZ = 30.0
_NEAR = 0.75  # of the time between two looks
_STEADY_S = 0.5


@dataclass(frozen=True)
class Body:
    """A dancer in one picture: `xy` (33, 2) in its pixels; `sure`: found then, not put between two other moments.

    `unit`: the torso's length in pixels, steady over a second, where that of the picture shrinks when the dancer bends.
    """

    xy: Floats
    unit: float
    colour: str
    sure: bool


@dataclass(frozen=True)
class Dancer:
    """One dancer of a clip. `found_s`: the moments that show the dancer; `near_s`: how far around each that holds."""

    name: str
    colour: str
    track: Track
    size: tuple[int, int]
    found_s: Floats
    near_s: float

    def at(self, time_s: float, size: tuple[int, int]) -> Body | None:
        """The dancer in a picture of that (width, height), or None where nothing is known."""
        if not self.track.seen[_nearest(self.track, time_s)]:
            return None
        scale = np.array(size, float) / self.size
        unit = self._torso(time_s) * float(scale.mean())
        return Body(_place(self.track, time_s) * scale, unit, self.colour, self._sure(time_s))

    def stretches(self, *, sure: bool) -> list[tuple[float, float]]:
        """From when to when the dancer's place is known, or, `sure`, from when to when the dancer is found."""
        known = self.track.seen
        if sure:
            known = known & np.array([self._sure(time) for time in self.track.times], bool)
        return _runs(self.track.times, known)

    def _torso(self, time_s: float) -> float:
        near = self.track.seen & (np.abs(self.track.times - time_s) <= _STEADY_S)
        return float(np.median(torso(self.track.xy[near])))

    def _sure(self, time_s: float) -> bool:
        return bool(len(self.found_s) and np.abs(self.found_s - time_s).min() <= self.near_s)


def couple(seen: ClipDetections) -> tuple[Dancer, Dancer]:
    """The lead and the follow. Raises `Poison` (`nobody`) as `understand` does."""
    dance = analyze_dance(seen.moments, _RATE_HZ)
    tracks = (dance.lead, dance.follow)
    times = np.array([moment.time_s for moment in seen.moments])
    found = [times[[pair[who] is not None for pair in dance.pairs]] for who in (0, 1)]
    near_s = _NEAR * float(np.median(np.diff(times)))
    lead, follow = (
        Dancer(name, colour, track, seen.size, found_s, near_s)
        for (name, colour), track, found_s in zip((("lead", LEAD), ("follow", FOLLOW)), tracks, found, strict=True)
    )
    return lead, follow


def _nearest(track: Track, time_s: float) -> int:
    return min(max(round(time_s * _RATE_HZ), 0), len(track.times) - 1)


def _place(track: Track, time_s: float) -> Floats:
    """A track's joints between two of its moments."""
    at = min(max(time_s * _RATE_HZ, 0.0), len(track.times) - 1.0)
    before = int(at)
    after = min(before + 1, len(track.times) - 1)
    between: Floats = track.xy[before] + (at - before) * (track.xy[after] - track.xy[before])
    return between


def _runs(times: Floats, holds: Bools) -> list[tuple[float, float]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], holds, [False]]).astype(int)))
    half = 0.5 / _RATE_HZ
    return [
        (max(0.0, float(times[a]) - half), float(times[b - 1]) + half) for a, b in list(pairwise(edges.tolist()))[::2]
    ]
