"""Onset activation and a tempo go in; the beats that fit both best come out, in frames."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats, Ints
from agents.audio_analysis.spectrum import FRAME_RATE

_BEAT_FRAMES = 3
_OBSERVED = 16
_DRIFT = 0.08
_STIFFNESS = 100.0


def track(activation: Floats, bpm: float, drift: float = _DRIFT, stiffness: float = _STIFFNESS) -> Floats:
    """Beats as fractional frames, increasing, the first and last within a beat of the ends.

    The most likely path of a hidden Markov model over (position, interval), after Krebs, Böck & Widmer (ISMIR 2015),
    with intervals within `drift` of the tempo. As nothing is decided between beats, only moments at which one may
    fall are visited, a shortest interval at a time.
    """
    steps = intervals(bpm, drift)
    gain = beat_gain(activation)
    score, origin = _forward(gain, steps, stiffness)
    return centred(_backward(score + gain[:, None], origin, steps), activation)


def intervals(bpm: float, drift: float) -> Ints:
    """All whole frames that a beat may last, increasing."""
    frames = 60 * FRAME_RATE / bpm
    return np.arange(int(np.floor(frames * (1 - drift))), int(np.ceil(frames * (1 + drift))) + 1)


def beat_gain(activation: Floats) -> Floats:
    """What a beat at each frame adds to the log likelihood over no beat there, (frames,)."""
    p = np.clip(activation, 1e-4, 1 - 1e-4).astype(float)
    gain = np.log(p) - np.log((1 - p) / (_OBSERVED - 1))
    ahead = np.concatenate([gain, np.zeros(_BEAT_FRAMES)])
    return np.asarray(sum(ahead[k : k + len(gain)] for k in range(_BEAT_FRAMES)))


def _forward(gain: Floats, intervals: Ints, stiffness: float) -> tuple[Floats, Ints]:
    """Best score with a beat at frame t after interval k, and the interval before that one; both (frames, k)."""
    change = -stiffness * np.abs(intervals[None] / intervals[:, None] - 1)
    count, step = len(gain), int(intervals[0])
    score = np.zeros((count, len(intervals)))
    onward = np.full((count, len(intervals)), -np.inf)
    origin = np.zeros((count, len(intervals)), np.int64)
    columns = np.arange(len(intervals))
    for first in range(0, count, step):
        now = np.arange(first, min(first + step, count))
        back = now[:, None] - intervals[None]
        begun = back >= 0
        score[now] = np.where(begun, onward[np.maximum(back, 0), columns], 0.0)
        routes = score[now][:, :, None] + change[None]
        origin[now] = routes.argmax(1)
        onward[now] = routes.max(1) + gain[now][:, None]
    return score, origin


def _backward(score: Floats, origin: Ints, intervals: Ints) -> Ints:
    last_frames = max(0, len(score) - int(intervals[-1]))
    row, k = np.unravel_index(int(score[last_frames:].argmax()), score[last_frames:].shape)
    at, interval = int(row) + last_frames, int(k)
    beats = []
    while at >= 0:
        beats.append(at)
        at -= int(intervals[interval])
        if at >= 0:
            interval = int(origin[at, interval])
    return np.array(beats[::-1])


def centred(beats: Ints, activation: Floats, radius: int = 3) -> Floats:
    """Each beat moved to the centre of gravity of the activation around it, where there is any."""
    around = beats[:, None] + np.arange(-radius, radius + 1)[None]
    inside = (around >= 0) & (around < len(activation))
    weight = np.where(inside, activation[np.clip(around, 0, len(activation) - 1)], 0.0).astype(float)
    total = weight.sum(1)
    return np.where(total > 0.3, (weight * around).sum(1) / np.maximum(total, 1e-9), beats.astype(float))
