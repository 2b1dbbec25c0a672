"""Find the spans of a clip that have pictures without a hole, from the times of its pictures."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from agents.arrays import Floats
from schemas.limits import CLIP_S, END_TOLERANCE_S
from schemas.move_indexed import Window

_MIN_HOLE_S = 0.2  # phones go down to ten pictures a second in the dark
_MIN_HOLE_INTERVALS = 2.5  # of the usual time from one picture to the next
_MIN_WINDOW_S = 1.0  # eight beats take longer
_ROUNDING_S = 1e-5


def windows_of(times_s: npt.ArrayLike) -> tuple[Window, ...]:
    """Return the spans of 1 s or more without a hole, from the times of all pictures in any order, seconds.

    A hole is a time without a picture of more than 0.2 s and of more than two and a half usual intervals.
    """
    times = np.unique(np.maximum(np.asarray(times_s, float), 0.0))
    times = times[times <= CLIP_S[1] + END_TOLERANCE_S]
    if len(times) < 2:
        return ()
    intervals = np.diff(times)
    before_holes = np.flatnonzero(intervals > _longest_interval_s(intervals))
    edges = [0, *(before_holes + 1).tolist(), len(times)]
    spans = (times[first:end] for first, end in pairwise(edges))
    last_s = float(np.median(intervals))  # how long the last picture is shown
    windows = (Window(start_s=round(span[0], 6), end_s=round(span[-1] + last_s, 6)) for span in spans)
    return tuple(window for window in windows if window.end_s - window.start_s >= _MIN_WINDOW_S - _ROUNDING_S)


def mean_fps_of(times_s: npt.ArrayLike) -> float:
    """Return the mean rate of pictures outside holes, from their times in any order; 0 for fewer than two."""
    intervals = np.diff(np.unique(np.asarray(times_s, float)))
    usual = intervals[intervals <= _longest_interval_s(intervals)] if len(intervals) else intervals
    return float(len(usual) / usual.sum()) if len(usual) else 0.0


def _longest_interval_s(intervals: Floats) -> float:
    """Return the longest time from one picture to the next that is no hole."""
    return max(_MIN_HOLE_S, _MIN_HOLE_INTERVALS * float(np.median(intervals)))
