"""Estimate the confidence in a beat grid and its sections, and state the doubts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from agents.arrays import Bools, Floats
from agents.audio_analysis.bars import Bars
from agents.audio_analysis.beat_features import BeatFeatures
from agents.audio_analysis.beat_grid import BeatGrid
from agents.audio_analysis.form import Form
from agents.audio_analysis.onsets import Onsets, moving_max
from schemas.audio_analyzed import Doubt, DoubtSubject, Section

# The figures below were fitted to hard songs with known truth.
DOUBT_THRESHOLD = 0.5  # a confidence below it is reported as a doubt
_FULL_CLARITY = 0.35  # activation on the beats above that around them
_FULL_MARGIN = 0.5  # in support of the chosen bar positions over the next best
_TEMPO_SPAN_BEATS = 4
_MIN_STEADINESS_BEATS = 16
_TOLERATED_DRIFT, _DRIFT_PER_CLARITY = 0.016, 0.035  # standard deviation of the log beat length
_STEADINESS_SLOPE = 2.0
_NEIGHBOUR_FACTOR = 0.95
_USUAL_CHANGE, _CLEAR_CHANGE = 0.5, 2.5  # of features from bar to bar, in units of the median change


@dataclass(frozen=True)
class Confidence:
    """Confidences of each section, each (sections,), 0-1.

    `beats`: that its beats fall where a dancer would step; `downbeats`: that its bars begin on the reported beats;
    `counts`: that its 1 is not the 5.
    """

    beats: Floats
    downbeats: Floats
    counts: Floats

    def of_sections(self) -> Floats:
        """Return the confidence in beats and bars together, (sections,); uncertain downbeats halve it at most."""
        return np.asarray(self.beats * (1 + self.downbeats) / 2)


def confidence_of(grid: BeatGrid, onsets: Onsets, features: BeatFeatures, bars: Bars, form: Form) -> Confidence:
    """Return each section's confidence: high where strokes fall on the beats and not around them, at a steady tempo.

    A section with little to detect (a break, guitars alone) has the confidence of a clear neighbour, reduced by how
    much its tempo drifts: where a tempo drifts without audible beats, the tracker has probably slipped.
    """
    spans = form.spans()
    clarity = _clarity(grid, onsets, spans)
    steadiness = _steadiness(grid, clarity, spans)
    own = clarity * steadiness * (1 + _percussion(features.percussion, spans)) / 2
    beats = _propagated(own, steadiness, steadiness)
    downbeats = _propagated(_margins(grid, spans), steadiness, steadiness)
    return Confidence(beats, downbeats, _count_confidence(bars, form.starts))


def _clarity(grid: BeatGrid, onsets: Onsets, spans: list[tuple[int, int]]) -> Floats:
    """Return how much stronger onsets are on the beats than on the sixteenths around: 0 for noise, 1 for percussion."""
    strokes = moving_max(onsets.activation, 2)
    beat = np.diff(grid.frames, append=2 * grid.frames[-1] - grid.frames[-2])
    on, after, before = (
        strokes[np.clip(np.round(grid.frames + beat * part).astype(int), 0, len(strokes) - 1)]
        for part in (0, 0.25, 0.75)
    )
    contrast = on - np.maximum(after, before)
    return np.array([np.clip(contrast[a:b].mean() / _FULL_CLARITY, 0, 1) for a, b in spans])


def _steadiness(grid: BeatGrid, clarity: Floats, spans: list[tuple[int, int]]) -> Floats:
    """Return 1 for an even tempo, 0 for one that drifts more than the section's clarity can justify, (sections,)."""
    tempo = _local_tempo(grid.frames)
    near = [(min(a, max(b - _MIN_STEADINESS_BEATS, 0)), max(b, a + _MIN_STEADINESS_BEATS)) for a, b in spans]
    drift = np.array([tempo[a:b].std() for a, b in near])
    tolerated = _TOLERATED_DRIFT + _DRIFT_PER_CLARITY * clarity
    return np.asarray(np.clip(_STEADINESS_SLOPE * (1 - drift / tolerated), 0, 1))


def _local_tempo(frames: Floats) -> Floats:
    """Return the log beat length around each beat, (beats,), over four beats to average out single strokes."""
    span = min(_TEMPO_SPAN_BEATS, len(frames) - 1)
    lengths = np.log((frames[span:] - frames[:-span]) / span)
    return np.pad(lengths, (span // 2, span - span // 2), mode="edge")


def _percussion(percussion: Floats, spans: list[tuple[int, int]]) -> Floats:
    """Return each section's percussion, 0-1, (sections,): guitars alone are as clear off the beat as on it."""
    return np.array([np.clip(percussion[a:b].mean(), 0, 1) for a, b in spans])


def _propagated(own: Floats, from_before: Floats, from_after: Floats) -> Floats:
    """Return the maximum of each section's own confidence and what its neighbours pass to it, (sections,).

    `from_before` and `from_after` (sections,): the share 0-1 of a neighbour's maximum that the section receives.
    """
    best = own.copy()
    for n in range(1, len(own)):
        best[n] = max(best[n], _NEIGHBOUR_FACTOR * best[n - 1] * from_before[n])
    for n in range(len(own) - 2, -1, -1):
        best[n] = max(best[n], _NEIGHBOUR_FACTOR * best[n + 1] * from_after[n])
    return best


def _count_confidence(bars: Bars, starts: list[int]) -> Floats:
    """Return how clearly the music changes where sections start, propagated over whole eights, (sections,)."""
    if not starts:
        return np.zeros(1)
    features = bars.features
    changes = np.linalg.norm(np.diff(features, axis=0, prepend=features[:1]), axis=1)
    usual = float(np.median(changes[1:])) + 1e-9 if len(changes) > 1 else 1.0
    clear = np.clip((changes[starts] / usual - _USUAL_CHANGE) / (_CLEAR_CHANGE - _USUAL_CHANGE), 0, 1)
    whole = (np.diff([*starts, len(bars.first_beats)]) % 2 == 0).astype(float)
    return _propagated(clear, np.roll(whole, 1), whole)


def _margins(grid: BeatGrid, spans: list[tuple[int, int]]) -> Floats:
    """Return the margin of the chosen bar positions over the next best shift of them, 0-1, (sections,)."""
    support, positions = grid.meter.support, grid.meter.bar_positions
    shifted = np.stack([np.take_along_axis(support, ((positions + k) % 4)[:, None], 1)[:, 0] for k in range(4)])
    return np.array([_margin(shifted[:, a:b].mean(1)) for a, b in spans])


def _margin(shifted: Floats) -> float:
    return float(np.clip((shifted[0] - shifted[1:].max()) / _FULL_MARGIN, 0, 1))


def doubts_of(confidence: Confidence, sections: Sequence[Section]) -> tuple[Doubt, ...]:
    """Return the doubts: one subject per section, as unsure beats imply unsure downbeats, and these unsure counts."""
    beats = confidence.beats < DOUBT_THRESHOLD
    downbeats = (confidence.downbeats < DOUBT_THRESHOLD) & ~beats
    counts = (confidence.counts < DOUBT_THRESHOLD) & ~beats & ~downbeats
    subjects: tuple[tuple[DoubtSubject, Bools], ...] = (
        ("beats", beats),
        ("downbeats", downbeats),
        ("counts", counts),
    )
    return tuple(
        Doubt(start_s=start, end_s=end, about=about)
        for about, unsure in subjects
        for start, end in _unsure_ranges(unsure, sections)
    )


def _unsure_ranges(unsure: Bools, sections: Sequence[Section]) -> Iterator[tuple[float, float]]:
    """Yield start and end in seconds, adjacent unsure sections joined."""
    changes = [0, *(np.flatnonzero(np.diff(unsure)) + 1).tolist(), len(unsure)]
    for a, b in pairwise(changes):
        if unsure[a]:
            yield sections[a].start_s, sections[b - 1].end_s
