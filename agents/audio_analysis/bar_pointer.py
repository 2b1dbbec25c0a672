"""Track beats and their positions in the bar together, at a known tempo, from onsets and harmony."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.arrays import Floats, Ints
from agents.audio_analysis.beats import beat_gain, beat_intervals
from agents.audio_analysis.meter import CHORD_EVIDENCE, accent_support, novelty
from agents.audio_analysis.onsets import Onsets, moving_max, moving_mean
from agents.audio_analysis.spectrum import FRAME_RATE, Spectrum

_MAX_TEMPO_DRIFT = 0.14
_TRANSITION_LAMBDA = 120.0
_MAX_INTERVAL_CHANGE_FRAMES = 3  # from one beat to the next
_JUMP_COST = 50.0  # of a bar that has fewer or more than four beats
# Silence is evidence against a beat, but weak: bands omit beats, and hold whole bars.
_MIN_BEAT_GAIN, _MIN_HALF_BEAT_GAIN = -2.0, -1.0
_CHORD_WEIGHT = 4.0
# Guitars alone may stress any beat; percussion follows the pattern.
_MIN_PATTERN_WEIGHT, _MAX_PATTERN_WEIGHT = 0.1, 0.7
_HALF_BEAT_REDUCTION = 0.2  # of a half beat's gain under full percussion
_PERCUSSION_WINDOW_S = 2.0


@dataclass(frozen=True)
class _Evidence:
    """Gain in log likelihood for each frame and bar position, (frames, 4).

    `on`: of a beat at that position falling on the frame; `off`: of the half beat after a beat at that position
    falling on it.
    """

    on: Floats
    off: Floats


@dataclass(frozen=True)
class BeatTrack:
    """Beats tracked at one tempo.

    `frames` (beats,): increasing; `bar_positions` (beats,): 0-3; `gain`: log likelihood per beat, which distinguishes
    the tempo of a piece from one and a half times or two thirds of it.
    """

    frames: Ints
    bar_positions: Ints
    gain: float


def track_bars(onsets: Onsets, spectrum: Spectrum, bpm: float) -> BeatTrack:
    """Return the most likely path of a bar pointer model (Whiteley, Cemgil & Godsill, ISMIR 2006).

    Like `beats.track_beats`, it computes beats only, but its states include the position in the bar, it also observes
    the half beats, and the tempo may drift by 14 %: where no percussion plays, the eighths determine the tempo, and
    the pattern and the chords which of them are beats. A bar may be shorter or longer than four beats, at a cost.
    """
    intervals = beat_intervals(bpm, _MAX_TEMPO_DRIFT)
    evidence = _evidence(onsets, spectrum, bpm)
    score, score_after = _forward(evidence, intervals)
    return _backward(score, score_after, evidence, intervals)


def _evidence(onsets: Onsets, spectrum: Spectrum, bpm: float) -> _Evidence:
    gain = beat_gain(onsets.activation)[:, None]
    percussion = np.clip(moving_mean(onsets.percussion, round(_PERCUSSION_WINDOW_S * FRAME_RATE)), 0, 1)[:, None]
    weight = _MIN_PATTERN_WEIGHT + (_MAX_PATTERN_WEIGHT - _MIN_PATTERN_WEIGHT) * percussion
    pattern = weight[:, :, None] * accent_support(moving_max(onsets.flux, 2))
    chords = _CHORD_WEIGHT * novelty(spectrum.chroma, round(2 * 60 * FRAME_RATE / bpm))
    on = np.maximum(gain, _MIN_BEAT_GAIN) + pattern[:, 0] + chords[:, None] * CHORD_EVIDENCE
    off = np.maximum(gain, _MIN_HALF_BEAT_GAIN) * (1 - _HALF_BEAT_REDUCTION * percussion) + pattern[:, 1]
    return _Evidence(on.astype(np.float32), off.astype(np.float32))


def _forward(evidence: _Evidence, intervals: Ints) -> tuple[Floats, Floats]:
    """Return the best scores before and after a beat at frame t and bar position p, both (frames, k, 4).

    k is the interval that ends with the beat, and that begins with it.
    """
    near, change = _tempo_changes(intervals)
    score = np.zeros((len(evidence.on), len(intervals), 4), np.float32)
    score_after = np.full_like(score, -np.inf)
    for first in range(0, len(score), int(intervals[0])):
        frames = np.arange(first, min(first + int(intervals[0]), len(score)))
        score[frames] = _arrival_scores(score_after, evidence.off, frames, intervals)
        totals = score[frames][:, near] + change[None, :, :, None]
        score_after[frames] = totals.max(2) + evidence.on[frames][:, None]
    return score, score_after


def _tempo_changes(intervals: Ints) -> tuple[Ints, Floats]:
    """Return, for each interval, the intervals it may follow and the score of the change, both (k, neighbours)."""
    neighbours = np.arange(-_MAX_INTERVAL_CHANGE_FRAMES, _MAX_INTERVAL_CHANGE_FRAMES + 1)
    near = np.arange(len(intervals))[:, None] + neighbours
    inside = (near >= 0) & (near < len(intervals))
    near = np.clip(near, 0, len(intervals) - 1)
    cost = np.where(inside, -_TRANSITION_LAMBDA * np.abs(intervals[:, None] / intervals[near] - 1), -np.inf)
    return near, cost.astype(np.float32)


def _arrival_scores(score_after: Floats, off: Floats, frames: Ints, intervals: Ints) -> Floats:
    source = frames[:, None] - intervals
    departing = score_after[np.maximum(source, 0), np.arange(len(intervals))]
    departing = departing + off[np.maximum(source + intervals // 2, 0)]
    jumped = departing.max(2, keepdims=True) - _JUMP_COST
    return np.where(source[:, :, None] >= 0, np.maximum(np.roll(departing, 1, axis=2), jumped), 0)


def _backward(score: Floats, score_after: Floats, evidence: _Evidence, intervals: Ints) -> BeatTrack:
    near, change = _tempo_changes(intervals)
    first_end = max(0, len(score) - int(intervals[-1]))
    ends = score[first_end:] + evidence.on[first_end:, None]
    row, k, position = (int(i) for i in np.unravel_index(int(ends.argmax()), ends.shape))
    frame, beats, positions = row + first_end, [], []
    while frame >= 0:
        beats.append(frame)
        positions.append(position)
        frame -= int(intervals[k])
        if frame >= 0:
            position = _previous_position(score_after[frame, k] + evidence.off[frame + intervals[k] // 2], position)
            k = int(near[k, (score[frame, near[k], position] + change[k]).argmax()])
    return BeatTrack(np.array(beats[::-1]), np.array(positions[::-1]), float(ends.max()) / len(beats))


def _previous_position(departing: Floats, position: int) -> int:
    """Return the bar position of the beat before one at `position`, from the scores (4,) of departing from each."""
    before = (position - 1) % 4
    return before if departing[before] >= departing.max() - _JUMP_COST else int(departing.argmax())
