"""Find the tempi a dancer may hear in a song, the most likely first."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats
from agents.audio_analysis.onsets import moving_mean
from agents.audio_analysis.spectrum import FRAME_RATE

MIN_BPM, MAX_BPM = 93.5, 187.0
TYPICAL_BPM = 130.0
_PRIOR_SPREAD_OCTAVES = 0.35  # standard deviation of the tempo around TYPICAL_BPM
_MIN_DIFFERENCE = 0.04  # of two candidates, relative
_RATIOS = (1.0, 3 / 2, 2 / 3, 2.0, 1 / 2, 4 / 3, 3 / 4)
# Lags in beats at which a tempo's autocorrelation is sampled, and the weight of each.
_COMB = ((0.5, 0.4), (1.0, 1.0), (2.0, 0.8), (3.0, 0.3), (4.0, 1.0))


def tempo_candidates(strength: Floats) -> list[float]:
    """Return tempi in BPM within one octave, the most likely first.

    They are the two best of the autocorrelation, and simple ratios of them.
    """
    bpm, support = _tempogram(strength)
    candidates: list[float] = []
    for peak in _peaks(support)[:2]:
        candidates += [float(bpm[peak]) * ratio for ratio in _RATIOS]
    return _distinct([b for b in candidates if MIN_BPM <= b <= MAX_BPM])


def autocorrelation(strength: Floats, lags: int) -> Floats:
    """Return the autocorrelation of the strength minus its 1 s mean at lags of 0 to lags-1 frames, (lags,).

    It is 1 at lag 0; all zeros for a constant input.
    """
    flat = strength - moving_mean(strength, int(FRAME_RATE))
    size = 1 << int(np.ceil(np.log2(2 * len(flat) + lags)))
    power = np.abs(np.fft.rfft(flat, size)) ** 2
    correlation = np.fft.irfft(power, size)[:lags]
    return np.asarray(correlation / correlation[0] if correlation[0] > 0 else np.zeros(lags))


def _tempogram(strength: Floats) -> tuple[Floats, Floats]:
    bpm = np.exp(np.linspace(np.log(MIN_BPM), np.log(MAX_BPM), 400))
    correlation = autocorrelation(strength, int(5 * FRAME_RATE))
    lag = 60 * FRAME_RATE / bpm
    comb = sum(weight * np.interp(lag * beats, np.arange(len(correlation)), correlation) for beats, weight in _COMB)
    prior = np.exp(-0.5 * (np.log2(bpm / TYPICAL_BPM) / _PRIOR_SPREAD_OCTAVES) ** 2)
    return bpm, np.asarray(comb * prior)


def _peaks(support: Floats) -> list[int]:
    padded = np.concatenate([[-np.inf], support, [-np.inf]])
    tops = np.flatnonzero((support >= padded[:-2]) & (support > padded[2:]))
    return [int(i) for i in tops[np.argsort(-support[tops], kind="stable")]]


def _distinct(tempi: list[float]) -> list[float]:
    distinct: list[float] = []
    for bpm in tempi:
        if all(abs(bpm / other - 1) > _MIN_DIFFERENCE for other in distinct):
            distinct.append(bpm)
    return distinct
