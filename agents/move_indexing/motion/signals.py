"""Compute derivatives, statistics and angles of time series, the basis of the motion features."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.tracks import RATE_HZ

_SMOOTHING_SAMPLES = 3


def smooth(series: Floats) -> Floats:
    """Return the moving average over three samples along the first axis."""
    from scipy.ndimage import uniform_filter1d

    smoothed: Floats = uniform_filter1d(series, _SMOOTHING_SAMPLES, axis=0, mode="nearest")
    return smoothed


def rate(series: Floats) -> Floats:
    """Return the change per second along the first axis."""
    change: Floats = np.gradient(series, axis=0) * RATE_HZ
    return change


def speed(points: Floats) -> Floats:
    """Return the speed of points (n, k, d): (n, k), units per second."""
    speeds: Floats = np.linalg.norm(rate(points), axis=-1)
    return speeds


def mean_std_p10_p90(series: Floats) -> Floats:
    """Return mean, standard deviation, 10th and 90th percentile of each column of (n, k): (4 k,)."""
    low, high = np.percentile(series, (10, 90), axis=0)
    return np.concatenate([series.mean(axis=0), series.std(axis=0), low, high])


def mean_std_p90(series: Floats) -> Floats:
    """Return mean, standard deviation and 90th percentile of each column of (n, k): (3 k,)."""
    return np.concatenate([series.mean(axis=0), series.std(axis=0), np.percentile(series, 90, axis=0)])


def correlation(a: Floats, b: Floats) -> float:
    """Return Pearson's correlation, and 0 where one of the two is constant."""
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (np.sqrt((a * a).sum() * (b * b).sum()) + 1e-9))


def heading(world: Floats, pair: list[int]) -> Floats:
    """Return the unwrapped direction around the vertical of a left-right pair of landmarks (n, 33, 3): (n,) radians."""
    across = world[:, pair[0]] - world[:, pair[1]]
    unwrapped: Floats = np.unwrap(np.arctan2(across[:, 2], across[:, 0]))
    return unwrapped
