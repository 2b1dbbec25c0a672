"""A beat grid and the sections laid on it go in; how far each can be trusted, and doubts in words, come out."""

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

UNSURE = 0.5  # a confidence below this is reported as a doubt
_FULL_CLARITY = 0.35
_FULL_MARGIN = 0.5
_SPAN_BEATS = 4
_LOCAL_BEATS = 16
_SWAY_UNHEARD, _SWAY_HEARD = 0.016, 0.035
_STEADY = 2.0
_HANDED_ON = 0.95
_USUAL_TURN, _CLEAR_TURN = 0.5, 2.5


@dataclass(frozen=True)
class Confidence:
    """0-1 for each section, (sections,): that its `beats` fall where a dancer would step, that its bars begin where
    they are said to (`downbeats`), and that its 1 is no 5 (`counts`)."""

    beats: Floats
    downbeats: Floats
    counts: Floats

    def of_sections(self) -> Floats:
        """Beats and bars together: beats whose bars could as well begin elsewhere keep half, (sections,)."""
        return np.asarray(self.beats * (1 + self.downbeats) / 2)


def confidence_of(grid: BeatGrid, onsets: Onsets, features: BeatFeatures, bars: Bars, form: Form) -> Confidence:
    """Beats are sure where strokes fall on them and not between their halves, and where the tempo keeps steady.

    What is hardly heard, a break or guitars alone, is as sure as the clear beats next to it, handed on as far as the
    tempo stays steady: a tempo that sways unheard has likely slipped. Figures from hard songs with truth.
    """
    spans = form.spans()
    clarity = _clarity(grid, onsets, spans)
    steady = _steadiness(grid, clarity, spans)
    own = clarity * steady * (1 + _percussion(features.percussion, spans)) / 2
    beats, downbeats = _handed_on(own, steady, steady), _handed_on(_margins(grid, spans), steady, steady)
    return Confidence(beats, downbeats, _counts(bars, form.starts))


def _clarity(grid: BeatGrid, onsets: Onsets, spans: list[tuple[int, int]]) -> Floats:
    """How much more begins on the beats than on the sixteenths next to them: 0 for noise, 1 for clear percussion."""
    strokes = moving_max(onsets.activation, 2)
    beat = np.diff(grid.frames, append=2 * grid.frames[-1] - grid.frames[-2])
    on, after, before = (
        strokes[np.clip(np.round(grid.frames + beat * part).astype(int), 0, len(strokes) - 1)]
        for part in (0, 0.25, 0.75)
    )
    stands_out = on - np.maximum(after, before)
    return np.array([np.clip(stands_out[a:b].mean() / _FULL_CLARITY, 0, 1) for a, b in spans])


def _steadiness(grid: BeatGrid, clarity: Floats, spans: list[tuple[int, int]]) -> Floats:
    """1 for an even tempo, 0 for one that sways more than what is heard can bear out."""
    tempo = _local_tempo(grid.frames)
    near = [(min(a, max(b - _LOCAL_BEATS, 0)), max(b, a + _LOCAL_BEATS)) for a, b in spans]
    sway = np.array([tempo[a:b].std() for a, b in near])
    bearable = _SWAY_UNHEARD + _SWAY_HEARD * clarity
    return np.asarray(np.clip(_STEADY * (1 - sway / bearable), 0, 1))


def _local_tempo(frames: Floats) -> Floats:
    """Logarithm of the beat's length around each beat, over four beats so that single strokes do not tell, (beats,)."""
    span = min(_SPAN_BEATS, len(frames) - 1)
    lengths = np.log((frames[span:] - frames[:-span]) / span)
    return np.pad(lengths, (span // 2, span - span // 2), mode="edge")


def _percussion(played: Floats, spans: list[tuple[int, int]]) -> Floats:
    """Guitars alone are as clear off the beat as on it."""
    return np.array([np.clip(played[a:b].mean(), 0, 1) for a, b in spans])


def _handed_on(own: Floats, from_before: Floats, from_after: Floats) -> Floats:
    """The best that each section has of its own or takes over, at a share 0-1, from a neighbour's best."""
    best = own.copy()
    for n in range(1, len(own)):
        best[n] = max(best[n], _HANDED_ON * best[n - 1] * from_before[n])
    for n in range(len(own) - 2, -1, -1):
        best[n] = max(best[n], _HANDED_ON * best[n + 1] * from_after[n])
    return best


def _counts(bars: Bars, starts: list[int]) -> Floats:
    """How clearly the music turns where a section begins to count; handed on over whole eights."""
    if not starts:
        return np.zeros(1)
    features = bars.features
    turns = np.linalg.norm(np.diff(features, axis=0, prepend=features[:1]), axis=1)
    usual = float(np.median(turns[1:])) + 1e-9 if len(turns) > 1 else 1.0
    clear = np.clip((turns[starts] / usual - _USUAL_TURN) / (_CLEAR_TURN - _USUAL_TURN), 0, 1)
    whole = (np.diff([*starts, len(bars.first)]) % 2 == 0).astype(float)
    return _handed_on(clear, np.roll(whole, 1), whole)


def _margins(grid: BeatGrid, spans: list[tuple[int, int]]) -> Floats:
    """How far the best other way of counting to four lies behind the one chosen, per section; 1 is beyond doubt."""
    support, place = grid.meter.support, grid.meter.place
    ways = np.stack([np.take_along_axis(support, ((place + k) % 4)[:, None], 1)[:, 0] for k in range(4)])
    return np.array([_margin(ways[:, a:b].mean(1)) for a, b in spans])


def _margin(ways: Floats) -> float:
    return float(np.clip((ways[0] - ways[1:].max()) / _FULL_MARGIN, 0, 1))


def doubts_of(trust: Confidence, sections: Sequence[Section]) -> tuple[Doubt, ...]:
    """What is unsure, and where; who is unsure of the beats is not asked about bars, nor of bars about the 1."""
    beats = trust.beats < UNSURE
    downbeats = (trust.downbeats < UNSURE) & ~beats
    counts = (trust.counts < UNSURE) & ~beats & ~downbeats
    told: tuple[tuple[DoubtSubject, Bools], ...] = (
        ("beats", beats),
        ("downbeats", downbeats),
        ("counts", counts),
    )
    return tuple(
        Doubt(start_s=start, end_s=end, about=about) for about, low in told for start, end in _stretches(low, sections)
    )


def _stretches(low: Bools, sections: Sequence[Section]) -> Iterator[tuple[float, float]]:
    """Where it is low, neighbouring sections together."""
    turns = [0, *(np.flatnonzero(np.diff(low)) + 1).tolist(), len(low)]
    for a, b in pairwise(turns):
        if low[a]:
            yield sections[a].start_s, sections[b - 1].end_s
