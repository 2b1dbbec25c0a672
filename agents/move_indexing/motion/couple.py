"""Measure how the two dancers of a couple are placed and move relative to each other, as blocks of features."""

from __future__ import annotations

import numpy as np

from agents.arrays import Bools, Floats
from agents.move_indexing.dancers.dance import Dance
from agents.move_indexing.dancers.detections import ANKLES, HIPS, SHOULDERS, WRISTS, midpoint, torso_length
from agents.move_indexing.motion.rhythm import MIN_TRACKED_SAMPLES, power_shares
from agents.move_indexing.motion.signals import correlation, heading, mean_std_p10_p90, rate, smooth

_SIZES = {"axis": 22, "distance": 17, "facing": 7, "hands": 8, "synchrony": 4, "rhythm": 15}
_MIN_ALIGNED_COSINE = 0.3  # of the angle between the shoulder lines: beyond, same direction, or face to face below -0.3


def couple_features(dance: Dance, tempo_bpm: float) -> dict[str, Floats]:
    """Return how the dancers are placed and move relative to each other: (73,) in six blocks, in torso lengths.

    All are NaN where both dancers are tracked at the same time for fewer than eight samples.
    """
    tracked = dance.lead.tracked & dance.follow.tracked
    if int(tracked.sum()) < MIN_TRACKED_SAMPLES:
        return {name: np.full(size, np.nan) for name, size in _SIZES.items()}
    unit = float(np.median(np.concatenate([torso_length(t.xy[tracked]) for t in (dance.lead, dance.follow)])))
    one, two = (smooth(t.xy) / unit for t in (dance.lead, dance.follow))
    angle = np.unwrap(heading(dance.lead.world, SHOULDERS) - heading(dance.follow.world, SHOULDERS))
    hips = midpoint(one, HIPS) - midpoint(two, HIPS)
    shoulders = np.linalg.norm(midpoint(one, SHOULDERS) - midpoint(two, SHOULDERS), axis=1)
    distances = np.column_stack([np.linalg.norm(hips, axis=1), np.abs(hips), shoulders])
    crossings = (np.diff(np.sign(hips[tracked, 0])) != 0).mean()
    series = np.column_stack([distances[:, 0], hips[:, 0], np.cos(angle)])[tracked]
    return {
        "axis": _axis(one[tracked], two[tracked], angle[tracked]),
        "distance": np.append(mean_std_p10_p90(distances[tracked]), crossings),
        "facing": _facing(angle[tracked]),
        "hands": mean_std_p10_p90(_nearest_hands(one, two)[tracked]),
        "synchrony": _synchrony(one, two, tracked),
        "rhythm": power_shares(series, dance.lead.times[tracked], tempo_bpm).ravel(),
    }


def _axis(one: Floats, two: Floats, angle: Floats) -> Floats:
    """Return how the line between the dancers and its centre move, who is nearer, and how they face: (22,)."""
    hips = midpoint(one, HIPS) - midpoint(two, HIPS)
    shoulders = midpoint(one, SHOULDERS) - midpoint(two, SHOULDERS)
    centre = (midpoint(one, HIPS) + midpoint(two, HIPS)) / 2
    width = np.abs(hips[:, 0])
    nearer = one[:, ANKLES, 1].max(axis=1) - two[:, ANKLES, 1].max(axis=1)
    cos = np.cos(smooth(angle))
    return np.concatenate([
        [width.std(), *np.percentile(width, (10, 90)), hips[:, 0].std(), np.ptp(hips[:, 0])],
        np.abs(rate(hips)).mean(axis=0), centre.std(axis=0), np.ptp(centre, axis=0), np.abs(rate(centre)).mean(axis=0),
        [nearer.std(), np.abs(nearer).mean()], np.percentile(np.linalg.norm(shoulders, axis=1), (10, 50, 90)),
        [cos.mean(), (cos > _MIN_ALIGNED_COSINE).mean(), (cos < -_MIN_ALIGNED_COSINE).mean()],
        [np.abs(rate(smooth(angle))).mean()],
    ])  # fmt: skip


def _facing(angle: Floats) -> Floats:
    """Return how the dancers face each other, cosine 1 in the same direction and -1 face to face: (7,)."""
    cos, sin = np.cos(angle), np.sin(angle)
    low, high = np.percentile(cos, (10, 90))
    return np.array([cos.mean(), abs(sin.mean()), cos.std(), sin.std(), low, high, np.abs(np.diff(angle)).mean()])


def _nearest_hands(one: Floats, two: Floats) -> Floats:
    """Return the two shortest distances from a hand of one dancer to a hand of the other: (n, 2)."""
    distances = [np.linalg.norm(one[:, i] - two[:, j], axis=1) for i in WRISTS for j in WRISTS]
    return np.sort(np.stack(distances, axis=1), axis=1)[:, :2]


def _synchrony(one: Floats, two: Floats, tracked: Bools) -> Floats:
    """Return the correlations of the dancers' speeds, hip x and hip y, and their absolute log speed ratio: (4,)."""
    speeds = [np.linalg.norm(rate(body.reshape(len(body), -1)), axis=1)[tracked] for body in (one, two)]
    hips = [midpoint(body, HIPS)[tracked] for body in (one, two)]
    log_ratio = abs(np.log((speeds[0].mean() + 1e-9) / (speeds[1].mean() + 1e-9)))
    x, y = (correlation(hips[0][:, i], hips[1][:, i]) for i in (0, 1))
    return np.array([correlation(speeds[0], speeds[1]), x, y, log_ratio])
