"""Onsets, harmony and a tempo go in; the beats and each one's place in the bar, decided together, come out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.arrays import Floats, Ints
from agents.audio_analysis.beats import beat_gain, intervals
from agents.audio_analysis.meter import CHORD_SPEAKS_FOR, accent_support, novelty
from agents.audio_analysis.onsets import Onsets, moving_max, moving_mean
from agents.audio_analysis.spectrum import FRAME_RATE, Spectrum

_SWAY = 0.14
_STIFFNESS = 120.0
_NEIGHBOURS = 3
_JUMP_COST = 50.0
# Silence speaks against a beat, but little: bands leave beats out, and hold whole bars.
_LEAST_ON, _LEAST_OFF = -2.0, -1.0
_CHORD_WEIGHT = 4.0
# Guitars alone stress what they like; percussion stresses the beat.
_PATTERN_LEAST, _PATTERN_MOST = 0.1, 0.7
_OFF_LESS = 0.2
_NEARBY_S = 2.0


@dataclass(frozen=True)
class _Evidence:
    """Gain in log likelihood, (frames, 4): of a beat of each place falling `on` a frame; of the half beat after one of
    that place falling `off` at it."""

    on: Floats
    off: Floats


@dataclass(frozen=True)
class BeatTrack:
    """Beats in `frames`, increasing, and the `places` 0-3 of each in its bar; `gain`: log likelihood a beat, which
    tells the tempo of a piece from one and a half of it or two thirds."""

    frames: Ints
    places: Ints
    gain: float


def track_bars(onsets: Onsets, spectrum: Spectrum, bpm: float) -> BeatTrack:
    """The most likely path of a bar pointer model (Whiteley, Cemgil & Godsill, ISMIR 2006) that visits beats only, as
    `beats.track` does, but knows the place in the bar, hears the half beats too, and lets the tempo sway by 14 %:
    eighths tell the tempo where no percussion plays, the pattern and the chords which of them are beats. A bar may be
    cut short or go on, at a price.
    """
    steps = intervals(bpm, _SWAY)
    evidence = _evidence(onsets, spectrum, bpm)
    score, onward = _forward(evidence, steps)
    return _backward(score, onward, evidence, steps)


def _evidence(onsets: Onsets, spectrum: Spectrum, bpm: float) -> _Evidence:
    gain = beat_gain(onsets.activation)[:, None]
    played = np.clip(moving_mean(onsets.percussion, round(_NEARBY_S * FRAME_RATE)), 0, 1)[:, None]
    weight = _PATTERN_LEAST + (_PATTERN_MOST - _PATTERN_LEAST) * played
    pattern = weight[:, :, None] * accent_support(moving_max(onsets.flux, 2))
    chords = _CHORD_WEIGHT * novelty(spectrum.chroma, round(2 * 60 * FRAME_RATE / bpm))
    on = np.maximum(gain, _LEAST_ON) + pattern[:, 0] + chords[:, None] * CHORD_SPEAKS_FOR
    off = np.maximum(gain, _LEAST_OFF) * (1 - _OFF_LESS * played) + pattern[:, 1]
    return _Evidence(on.astype(np.float32), off.astype(np.float32))


def _forward(evidence: _Evidence, steps: Ints) -> tuple[Floats, Floats]:
    """Best score before a beat at frame t, reached by interval k, at place p; and after it, k being the interval that
    goes on from it; both (frames, k, 4)."""
    near, change = _tempo_changes(steps)
    score = np.zeros((len(evidence.on), len(steps), 4), np.float32)
    onward = np.full_like(score, -np.inf)
    for first in range(0, len(score), int(steps[0])):
        now = np.arange(first, min(first + int(steps[0]), len(score)))
        score[now] = _arrivals(onward, evidence.off, now, steps)
        routes = score[now][:, near] + change[None, :, :, None]
        onward[now] = routes.max(2) + evidence.on[now][:, None]
    return score, onward


def _tempo_changes(steps: Ints) -> tuple[Ints, Floats]:
    """For each interval those it may follow, and what the change costs, both (k, neighbours)."""
    near = np.arange(len(steps))[:, None] + np.arange(-_NEIGHBOURS, _NEIGHBOURS + 1)
    inside = (near >= 0) & (near < len(steps))
    near = np.clip(near, 0, len(steps) - 1)
    cost = np.where(inside, -_STIFFNESS * np.abs(steps[:, None] / steps[near] - 1), -np.inf)
    return near, cost.astype(np.float32)


def _arrivals(onward: Floats, off: Floats, now: Ints, steps: Ints) -> Floats:
    back = now[:, None] - steps
    left = onward[np.maximum(back, 0), np.arange(len(steps))] + off[np.maximum(back + steps // 2, 0)]
    jumped = left.max(2, keepdims=True) - _JUMP_COST
    return np.where(back[:, :, None] >= 0, np.maximum(np.roll(left, 1, axis=2), jumped), 0)


def _backward(score: Floats, onward: Floats, evidence: _Evidence, steps: Ints) -> BeatTrack:
    near, change = _tempo_changes(steps)
    start = max(0, len(score) - int(steps[-1]))
    ends = score[start:] + evidence.on[start:, None]
    row, k, place = (int(i) for i in np.unravel_index(int(ends.argmax()), ends.shape))
    at, beats, places = row + start, [], []
    while at >= 0:
        beats.append(at)
        places.append(place)
        at -= int(steps[k])
        if at >= 0:
            place = _left(onward[at, k] + evidence.off[at + steps[k] // 2], place)
            k = int(near[k, (score[at, near[k], place] + change[k]).argmax()])
    return BeatTrack(np.array(beats[::-1]), np.array(places[::-1]), float(ends.max()) / len(beats))


def _left(left: Floats, place: int) -> int:
    """The place of the beat before one of `place`."""
    before = (place - 1) % 4
    return before if left[before] >= left.max() - _JUMP_COST else int(left.argmax())
