"""Track beats of a known tempo in an onset activation."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats, Ints
from agents.audio_analysis.spectrum import FRAME_RATE

_BEAT_FRAMES = 3  # over which a beat's activation is observed
_OBSERVATION_LAMBDA = 16  # a frame without a beat has the probability (1 - activation) / (lambda - 1)
_TRANSITION_LAMBDA = 100.0
_MAX_TEMPO_DRIFT = 0.08


def track_beats(
    activation: Floats,
    bpm: float,
    max_drift: float = _MAX_TEMPO_DRIFT,
    transition_lambda: float = _TRANSITION_LAMBDA,
) -> Floats:
    """Return beats as fractional frames, increasing, the first and last within one beat of the ends.

    The most likely path of a hidden Markov model over (position, interval), after Krebs, Böck & Widmer (ISMIR 2015),
    with intervals within `max_drift` (relative) of the tempo. Since nothing is decided between beats, only frames on
    which a beat may fall are computed, as many at a time as the shortest interval has.
    """
    intervals = beat_intervals(bpm, max_drift)
    gain = beat_gain(activation)
    score, previous = _forward(gain, intervals, transition_lambda)
    return centred(_backward(score + gain[:, None], previous, intervals), activation)


def beat_intervals(bpm: float, max_drift: float) -> Ints:
    """Return all beat lengths within `max_drift` of the tempo, in whole frames, increasing."""
    frames = 60 * FRAME_RATE / bpm
    return np.arange(int(np.floor(frames * (1 - max_drift))), int(np.ceil(frames * (1 + max_drift))) + 1)


def beat_gain(activation: Floats) -> Floats:
    """Return the gain in log likelihood of a beat at each frame over no beat there, (frames,)."""
    p = np.clip(activation, 1e-4, 1 - 1e-4).astype(float)
    gain = np.log(p) - np.log((1 - p) / (_OBSERVATION_LAMBDA - 1))
    padded = np.concatenate([gain, np.zeros(_BEAT_FRAMES)])
    return np.asarray(sum(padded[k : k + len(gain)] for k in range(_BEAT_FRAMES)))


def _forward(gain: Floats, intervals: Ints, transition_lambda: float) -> tuple[Floats, Ints]:
    """Return the best score with a beat at frame t after interval k, and the interval before k; both (frames, k)."""
    change = -transition_lambda * np.abs(intervals[None] / intervals[:, None] - 1)
    count, step = len(gain), int(intervals[0])
    score = np.zeros((count, len(intervals)))
    score_after = np.full((count, len(intervals)), -np.inf)
    previous = np.zeros((count, len(intervals)), np.int64)
    columns = np.arange(len(intervals))
    for first in range(0, count, step):
        frames = np.arange(first, min(first + step, count))
        source = frames[:, None] - intervals[None]
        score[frames] = np.where(source >= 0, score_after[np.maximum(source, 0), columns], 0.0)
        totals = score[frames][:, :, None] + change[None]
        previous[frames] = totals.argmax(1)
        score_after[frames] = totals.max(1) + gain[frames][:, None]
    return score, previous


def _backward(score: Floats, previous: Ints, intervals: Ints) -> Ints:
    first_end = max(0, len(score) - int(intervals[-1]))
    row, k = np.unravel_index(int(score[first_end:].argmax()), score[first_end:].shape)
    frame, interval = int(row) + first_end, int(k)
    beats = []
    while frame >= 0:
        beats.append(frame)
        frame -= int(intervals[interval])
        if frame >= 0:
            interval = int(previous[frame, interval])
    return np.array(beats[::-1])


def centred(beats: Ints, activation: Floats, radius: int = 3) -> Floats:
    """Return each beat moved to the centre of gravity of the activation within `radius` frames, where there is any."""
    around = beats[:, None] + np.arange(-radius, radius + 1)[None]
    inside = (around >= 0) & (around < len(activation))
    weight = np.where(inside, activation[np.clip(around, 0, len(activation) - 1)], 0.0).astype(float)
    total = weight.sum(1)
    return np.where(total > 0.3, (weight * around).sum(1) / np.maximum(total, 1e-9), beats.astype(float))
