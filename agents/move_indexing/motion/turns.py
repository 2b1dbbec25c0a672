"""One dancer's track goes in; where this body heads and how it turns comes out."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.detections import HIPS, SHOULDERS
from agents.move_indexing.dancers.tracks import RATE_HZ, Track
from agents.move_indexing.motion.signals import heading, smooth

_FACES = 3  # moments: a left shoulder is taken for a right one in single frames


def facing(track: Track) -> Floats:
    """How shoulders and hips head and turn, by size: (11,), radians, radians per second."""
    shoulders, hips = (smooth(heading(track.world, pair))[track.seen] for pair in (SHOULDERS, HIPS))
    step, hip_step = np.abs(np.diff(shoulders)), np.abs(np.diff(hips))
    cos, sin = np.cos(shoulders), np.sin(shoulders)
    return np.array([
        np.ptp(shoulders), np.ptp(hips), abs(shoulders[-1] - shoulders[0]), step.mean() * RATE_HZ,
        hip_step.mean() * RATE_HZ, np.std(shoulders - hips), cos.mean(), abs(sin.mean()), cos.std(), sin.std(),
        np.percentile(step, 95),
    ])  # fmt: skip


def turns(track: Track, tempo_bpm: float) -> Floats:
    """How much a dancer turns, in whole turns: over the clip, per beat, within four beats and two: (9,)."""
    beats_s = 60 / tempo_bpm
    # Nobody turns more than once a beat: faster is a left shoulder taken for a right one.
    per_beat = np.clip(np.gradient(_steady_heading(track)) * RATE_HZ / (2 * np.pi) * beats_s, -1.0, 1.0)[track.seen]
    turned = np.cumsum(per_beat) / RATE_HZ / beats_s
    four, two = (_within(turned, round(beats * beats_s * RATE_HZ)) for beats in (4, 2))
    pace = np.abs(per_beat)
    return np.array([
        np.ptp(turned), abs(turned[-1] - turned[0]), pace.mean(), np.percentile(pace, 90),
        four.max(), four.mean(), two.max(), (four > 0.4).mean(), (four > 0.8).mean(),
    ])  # fmt: skip


def _within(turned: Floats, samples: int) -> Floats:
    """How far it turns between moments so far apart, or from first to last where the clip is shorter."""
    lag = min(max(samples, 2), len(turned) - 1)
    return np.abs(turned[lag:] - turned[:-lag])


def _steady_heading(track: Track) -> Floats:
    from scipy.ndimage import median_filter

    # Without its jumps for single frames.
    return smooth(median_filter(heading(track.world, SHOULDERS), _FACES, mode="nearest"))
