"""Measure the heading and the turns of one dancer."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.detections import HIPS, SHOULDERS
from agents.move_indexing.dancers.tracks import RATE_HZ, Track
from agents.move_indexing.motion.signals import heading, smooth

_MEDIAN_FILTER_SAMPLES = 3  # left and right shoulder are swapped in single frames


def facing(track: Track) -> Floats:
    """Return statistics of the headings of shoulders and hips, without sign: (11,), radians, radians per second."""
    shoulders, hips = (smooth(heading(track.world, pair))[track.tracked] for pair in (SHOULDERS, HIPS))
    step, hip_step = np.abs(np.diff(shoulders)), np.abs(np.diff(hips))
    cos, sin = np.cos(shoulders), np.sin(shoulders)
    return np.array([
        np.ptp(shoulders), np.ptp(hips), abs(shoulders[-1] - shoulders[0]), step.mean() * RATE_HZ,
        hip_step.mean() * RATE_HZ, np.std(shoulders - hips), cos.mean(), abs(sin.mean()), cos.std(), sin.std(),
        np.percentile(step, 95),
    ])  # fmt: skip


def turns(track: Track, tempo_bpm: float) -> Floats:
    """Return how much a dancer turns, in whole turns: over the clip, per beat, within four beats and two: (9,)."""
    beat_s = 60 / tempo_bpm
    # No dancer turns more than once per beat: faster turns are swapped left and right shoulders.
    per_beat = np.clip(np.gradient(_steady_heading(track)) * RATE_HZ / (2 * np.pi) * beat_s, -1.0, 1.0)[track.tracked]
    turned = np.cumsum(per_beat) / RATE_HZ / beat_s
    four, two = (_within(turned, round(beats * beat_s * RATE_HZ)) for beats in (4, 2))
    speeds = np.abs(per_beat)
    return np.array([
        np.ptp(turned), abs(turned[-1] - turned[0]), speeds.mean(), np.percentile(speeds, 90),
        four.max(), four.mean(), two.max(), (four > 0.4).mean(), (four > 0.8).mean(),
    ])  # fmt: skip


def _within(turned: Floats, samples: int) -> Floats:
    """Return how far the dancer turns within `samples`, or from first to last sample where the clip is shorter."""
    lag = min(max(samples, 2), len(turned) - 1)
    return np.abs(turned[lag:] - turned[:-lag])


def _steady_heading(track: Track) -> Floats:
    from scipy.ndimage import median_filter

    filtered = median_filter(heading(track.world, SHOULDERS), _MEDIAN_FILTER_SAMPLES, mode="nearest")
    return smooth(filtered)
