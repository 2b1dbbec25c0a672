"""A dancer's sightings go in, at their own times; the dancer's motion comes out, ten times a second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agents.arrays import Bools, Floats
from agents.move_indexing.dancers.detections import Detection

RATE_HZ = 10.0  # of motion, once measured; a clip may be looked at more often
MAX_GAP_S = 0.7
_AT_ONCE_S = 0.06


@dataclass(frozen=True)
class Track:
    """`times` (n,) seconds; `xy` (n, 33, 2) pixels; `world` (n, 33, 3) metres.

    `seen` (n,): the dancer was found then, or before and after within 0.7 s, which is short enough to interpolate.
    Elsewhere the values only fill the gap. `found` 0-1: the share of frames that show the dancer; `confidence` 0-1: the
    mean of those.
    """

    times: Floats
    xy: Floats
    world: Floats
    seen: Bools
    found: float = 1.0
    confidence: float = 1.0


def follow(times_s: Sequence[float], sightings: Sequence[Detection | None], rate_hz: float = RATE_HZ) -> Track:
    """The track of one dancer from the frames of a clip, None where a frame does not show the dancer."""
    grid = np.arange(0.0, max(times_s, default=0.0) + 1e-9, 1 / rate_hz)
    found = [(t, s) for t, s in zip(times_s, sightings, strict=True) if s is not None]
    if not found:
        nothing = np.zeros((len(grid), 33, 3))
        return Track(grid, nothing[:, :, :2], nothing, np.zeros(len(grid), bool), 0.0, 0.0)
    known = np.array([t for t, _ in found])
    return Track(
        grid,
        _interpolated(grid, known, np.array([s.xy for _, s in found])),
        _interpolated(grid, known, np.array([s.world for _, s in found])),
        _covered(grid, known),
        len(found) / len(times_s),
        float(np.mean([s.confidence for _, s in found])),
    )


def _around(grid: Floats, known: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """For each moment the last known one before it and the first after it; the outermost ones beyond the ends."""
    after = np.clip(np.searchsorted(known, grid), 0, len(known) - 1)
    before = np.where(known[after] <= grid, after, np.maximum(after - 1, 0))
    return before, after


def _interpolated(grid: Floats, known: Floats, values: Floats) -> Floats:
    before, after = _around(grid, known)
    span = np.maximum(known[after] - known[before], 1e-9)
    share = np.clip((grid - known[before]) / span, 0.0, 1.0)[:, None, None]
    between: Floats = values[before] * (1 - share) + values[after] * share
    return between


def _covered(grid: Floats, known: Floats) -> Bools:
    before, after = _around(grid, known)
    inside = (known[before] <= grid) & (grid <= known[after]) & (known[after] - known[before] <= MAX_GAP_S)
    nearest = np.minimum(abs(known[before] - grid), abs(known[after] - grid))
    covered: Bools = inside | (nearest <= _AT_ONCE_S)
    return covered
