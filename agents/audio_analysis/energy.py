"""Compute the energy of each beat and the energy level of the piece."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats
from agents.audio_analysis.beat_features import BeatFeatures
from agents.audio_analysis.onsets import moving_mean
from schemas.base import Level

_MIN_RANGE = 0.8
_MIN_STROKE_FLUX = 1.0
_LOW_BELOW, _MEDIUM_BELOW = 0.4, 0.65


def energy_of(features: BeatFeatures) -> Floats:
    """Return the energy of each beat, (beats,), 0-1, averaged over a bar.

    Two thirds are its loudness, one third the number of strokes on its sixteenths. Both are relative to the loudest
    or busiest beats and scaled by the piece's range, which is at least 0.8 (log magnitude, strokes), so that an even
    piece stays even.
    """
    loud = features.level.mean(1)
    strokes = (features.strokes > _MIN_STROKE_FLUX).mean((1, 2)) * 4
    return np.clip(moving_mean((2 * _relative(loud) + _relative(strokes)) / 3, 4), 0, 1)


def level_of(energy: Floats, tempo_bpm: float) -> Level:
    """Return the level of the piece: half from its mean energy, half from its tempo between 100 and 160 BPM."""
    total = (float(energy.mean()) + min(max((tempo_bpm - 100) / 60, 0.0), 1.0)) / 2
    return "low" if total < _LOW_BELOW else "medium" if total < _MEDIUM_BELOW else "high"


def _relative(values: Floats) -> Floats:
    low, high = np.percentile(values, (5, 95))
    return np.asarray(np.clip(1 - (high - values) / max(float(high - low), _MIN_RANGE), 0, 1))
