"""Beats with their places go in; each bar's sound, rhythm and harmony come out, side by side for comparing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from agents.arrays import Floats, Ints
from agents.audio_analysis.beat_features import BeatFeatures
from agents.audio_analysis.meter import beat_means, unit
from agents.audio_analysis.spectrum import Spectrum

_SHORTEST = 3


@dataclass(frozen=True)
class Bars:
    """`first` (bars,): index of each bar's first beat; `pattern` (bars, 16, bands): flux on its sixteenths; `level`
    (bars, bands): log magnitudes; `timbre` (bars, 64): mel magnitudes; `chroma` (bars, 12), rows of length 1;
    `loudness` (bars,): natural log; `percussion` (bars,): share of the usual güira."""

    first: Ints
    pattern: Floats
    level: Floats
    timbre: Floats
    chroma: Floats
    loudness: Floats
    percussion: Floats

    @cached_property
    def features(self) -> Floats:
        """What bars of one section have in common, (bars, features), each scaled by its spread over the piece."""
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
        return np.hstack([weight * _standard(part) for weight, part in parts])


def bars_of(frames: Floats, place: Ints, features: BeatFeatures, spectrum: Spectrum) -> Bars:
    """The bars that begin on a beat of place 0 and have three beats at least. `frames`: the beats."""
    first = np.flatnonzero(place == 0)
    first = first[np.diff(first, append=len(place)) >= _SHORTEST]
    beats = np.minimum(first[:, None] + np.arange(4), len(frames) - 1)
    return Bars(
        first,
        features.strokes[beats].reshape(len(first), 16, features.strokes.shape[2]),
        features.level[beats].mean(1),
        np.log1p(beat_means(frames, spectrum.mel)[beats].mean(1)),
        unit(features.chroma[beats].mean(1)),
        np.log(beat_means(frames, spectrum.loudness())[beats].mean(1) + 1e-6),
        features.percussion[beats].mean(1),
    )


def _standard(values: Floats) -> Floats:
    return np.asarray((values - values.mean(0)) / (values.std(0) + 1e-6))
