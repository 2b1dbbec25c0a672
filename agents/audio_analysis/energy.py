"""Beats and spectra go in; how much is going on comes out, for each beat and for the piece."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats
from agents.audio_analysis.beat_features import BeatFeatures
from agents.audio_analysis.onsets import moving_mean
from schemas.base import Level

_FULL_RANGE = 0.8
_STROKE = 1.0


def energy_of(features: BeatFeatures) -> Floats:
    """0-1 per beat, averaged over a bar: two parts how loud it is, one part how many strokes fall on its sixteenths.

    Each part is measured down from what the loudest or busiest beats reach, over the piece's range but never less
    than 0.8 (log magnitude, strokes), so that an even piece stays even.
    """
    loud = features.level.mean(1)
    strokes = (features.strokes > _STROKE).mean((1, 2)) * 4
    return np.clip(moving_mean((2 * _reach(loud) + _reach(strokes)) / 3, 4), 0, 1)


def level_of(energy: Floats, tempo_bpm: float) -> Level:
    """The piece as a whole: half its mean energy, half its tempo from 100 to 160 BPM."""
    total = (float(energy.mean()) + min(max((tempo_bpm - 100) / 60, 0.0), 1.0)) / 2
    return "low" if total < 0.4 else "medium" if total < 0.65 else "high"


def _reach(values: Floats) -> Floats:
    low, high = np.percentile(values, (5, 95))
    return np.asarray(np.clip(1 - (high - values) / max(float(high - low), _FULL_RANGE), 0, 1))
