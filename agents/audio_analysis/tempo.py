"""Onset strength goes in; the tempi a dancer might hear come out, likeliest first."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats
from agents.audio_analysis.onsets import moving_mean
from agents.audio_analysis.spectrum import FRAME_RATE

LOW_BPM, HIGH_BPM = 93.5, 187.0
TYPICAL_BPM = 130.0
_SPREAD_OCTAVES = 0.35
_RATIOS = (1.0, 3 / 2, 2 / 3, 2.0, 1 / 2, 4 / 3, 3 / 4)
_COMB = (
    (0.5, 0.4),
    (1.0, 1.0),
    (2.0, 0.8),
    (3.0, 0.3),
    (4.0, 1.0),
)  # (lag in beats, weight)


def tempo_candidates(strength: Floats) -> list[float]:
    """Beats per minute within an octave, likeliest first: the best of the autocorrelation and its simple ratios."""
    bpm, support = _tempogram(strength)
    found: list[float] = []
    for peak in _peaks(support)[:2]:
        found += [float(bpm[peak]) * ratio for ratio in _RATIOS]
    return _distinct([b for b in found if LOW_BPM <= b <= HIGH_BPM])


def autocorrelation(strength: Floats, lags: int) -> Floats:
    """Of the strength less its 1 s mean, for 0 to lags-1 frames, 1 at lag 0; zeros for a flat input."""
    flat = strength - moving_mean(strength, int(FRAME_RATE))
    size = 1 << int(np.ceil(np.log2(2 * len(flat) + lags)))
    power = np.abs(np.fft.rfft(flat, size)) ** 2
    found = np.fft.irfft(power, size)[:lags]
    return np.asarray(found / found[0] if found[0] > 0 else np.zeros(lags))


def _tempogram(strength: Floats) -> tuple[Floats, Floats]:
    bpm = np.exp(np.linspace(np.log(LOW_BPM), np.log(HIGH_BPM), 400))
    found = autocorrelation(strength, int(5 * FRAME_RATE))
    lag = 60 * FRAME_RATE / bpm
    comb = sum(weight * np.interp(lag * beats, np.arange(len(found)), found) for beats, weight in _COMB)
    prior = np.exp(-0.5 * (np.log2(bpm / TYPICAL_BPM) / _SPREAD_OCTAVES) ** 2)
    return bpm, np.asarray(comb * prior)


def _peaks(support: Floats) -> list[int]:
    padded = np.concatenate([[-np.inf], support, [-np.inf]])
    tops = np.flatnonzero((support >= padded[:-2]) & (support > padded[2:]))
    return [int(i) for i in tops[np.argsort(-support[tops], kind="stable")]]


def _distinct(tempi: list[float]) -> list[float]:
    kept: list[float] = []
    for bpm in tempi:
        if all(abs(bpm / other - 1) > 0.04 for other in kept):
            kept.append(bpm)
    return kept
