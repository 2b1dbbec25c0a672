"""Compute features of each bar, to compare bars by timbre, rhythm and harmony."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from agents.arrays import Floats, Ints
from agents.audio_analysis.beat_features import BeatFeatures
from agents.audio_analysis.meter import beat_means, unit
from agents.audio_analysis.spectrum import Spectrum

_MIN_BEATS = 3


@dataclass(frozen=True)
class Bars:
    """Features of each bar.

    `first_beats` (bars,): index of each bar's first beat; `pattern` (bars, 16, bands): flux on its sixteenths; `level`
    (bars, bands): log magnitudes; `timbre` (bars, 64): log mel magnitudes; `chroma` (bars, 12), rows of length 1;
    `loudness` (bars,): natural log; `percussion` (bars,): the güira's level relative to the piece, about 0-1.
    """

    first_beats: Ints
    pattern: Floats
    level: Floats
    timbre: Floats
    chroma: Floats
    loudness: Floats
    percussion: Floats

    @cached_property
    def features(self) -> Floats:
        """Return what bars of one section have in common, (bars, features), each scaled by its spread in the piece."""
        guira = np.stack([self.pattern[:, k::4, 4].mean(1) for k in (0, 2, 1)], 1)
        parts = (
            (1.0, self.level),
            (1.2, guira),
            (0.8, self.pattern.mean(1)),
            (0.25, self.pattern[:, ::2].reshape(len(self.pattern), -1)),
            (0.15, self.timbre),
            (0.3, self.chroma),
            (1.0, self.loudness[:, None]),
        )
        return np.hstack([weight * _standardized(part) for weight, part in parts])


def bars_of(frames: Floats, bar_positions: Ints, features: BeatFeatures, spectrum: Spectrum) -> Bars:
    """Return the bars that begin on a beat at bar position 0 and have at least three beats. `frames` (beats,)."""
    first_beats = np.flatnonzero(bar_positions == 0)
    first_beats = first_beats[np.diff(first_beats, append=len(bar_positions)) >= _MIN_BEATS]
    beats = np.minimum(first_beats[:, None] + np.arange(4), len(frames) - 1)
    return Bars(
        first_beats,
        features.strokes[beats].reshape(len(first_beats), 16, features.strokes.shape[2]),
        features.level[beats].mean(1),
        np.log1p(beat_means(frames, spectrum.mel)[beats].mean(1)),
        unit(features.chroma[beats].mean(1)),
        np.log(beat_means(frames, spectrum.loudness())[beats].mean(1) + 1e-6),
        features.percussion[beats].mean(1),
    )


def _standardized(values: Floats) -> Floats:
    return np.asarray((values - values.mean(0)) / (values.std(0) + 1e-6))
