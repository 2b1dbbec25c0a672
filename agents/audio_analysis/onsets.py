"""Measure onset strength per frame and frequency band."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from agents.arrays import Floats
from agents.audio_analysis.spectrum import FRAME_RATE, Spectrum, mel_centres

BANDS_HZ = (
    (30, 140),  # bass and kick
    (140, 420),  # hembra
    (420, 1400),  # macho and guitars
    (1400, 4000),  # guitars and voice
    (4000, 10500),  # güira
)
_BAND_WEIGHTS = np.array([1.0, 1.0, 1.0, 0.7, 1.0], np.float32)
_LAG_FRAMES = 2
_NORMALIZATION_S = 8
_PERCUSSION_WINDOW_S = 2.0


@dataclass(frozen=True)
class Onsets:
    """Onset strength of each frame.

    `flux` (frames, 5): rises per band, normalized by their RMS over 8 s; `level` (frames, 5): log magnitude per band;
    `strength` (frames,): weighted sum of all bands' flux; `activation` (frames,): `strength` scaled to 0-0.8;
    `attack` (frames,): like `activation`, but from linear magnitudes, which locate a stroke in time more exactly
    though they detect it less reliably.
    """

    flux: Floats
    level: Floats
    strength: Floats
    activation: Floats
    attack: Floats

    @cached_property
    def percussion(self) -> Floats:
        """Return the güira's level relative to the piece, (frames,): 0 at the noise floor, 1 with the full band."""
        guira = np.expm1(self.level[:, -1])
        smoothed = moving_mean(guira, round(_PERCUSSION_WINDOW_S * FRAME_RATE))
        floor, full = np.percentile(guira, 3), np.percentile(smoothed, 90)
        return np.asarray((guira - floor) / (full - floor + 1e-6))


def onsets_of(spectrum: Spectrum) -> Onsets:
    """Return SuperFlux per band (Böck & Widmer, DAFx 2013) of log mel magnitudes relative to the piece's loudness."""
    log_mel = log_magnitude(spectrum)
    flux = _normalized(_by_band(_rises(log_mel)))
    strength = flux @ _BAND_WEIGHTS
    attack = _normalized(_by_band(_rises(spectrum.mel))) @ _BAND_WEIGHTS
    return Onsets(flux, _by_band(log_mel), strength, _scaled(strength), _scaled(attack))


def _scaled(strength: Floats) -> Floats:
    full = float(np.percentile(strength, 98)) or 1.0
    return np.asarray(np.clip(strength / full, 0, 1) * 0.8)


def log_magnitude(spectrum: Spectrum) -> Floats:
    """Return log(1 + 240 x / m) of the mel magnitudes x, m being the median loudness of frames that are not silent."""
    loud = spectrum.loudness()
    sounding = loud[loud > 1e-3 * loud.max()]
    scale = np.float32(240 / (np.median(sounding) if len(sounding) else 1.0))
    return np.asarray(np.log1p(spectrum.mel * scale))


def moving_mean(values: Floats, width: int) -> Floats:
    """Return the mean of the `width` frames around each frame, (frames, ...); of fewer at the ends."""
    total = np.concatenate([np.zeros_like(values[:1], float), np.cumsum(values, axis=0, dtype=float)])
    first = np.maximum(np.arange(len(values)) - width // 2, 0)
    last = np.minimum(first + width, len(values))
    count = (last - first).reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray((total[last] - total[first]) / count, dtype=values.dtype)


def moving_max(values: Floats, radius: int) -> Floats:
    """Return the maximum of each frame and its `radius` neighbours on each side, (frames, ...)."""
    best = values.copy()
    for shift in range(1, radius + 1):
        np.maximum(best[shift:], values[:-shift], out=best[shift:])
        np.maximum(best[:-shift], values[shift:], out=best[:-shift])
    return best


def _rises(log_mel: Floats) -> Floats:
    rises = np.zeros_like(log_mel)
    before = moving_max(log_mel.T, 1).T
    np.maximum(log_mel[_LAG_FRAMES:] - before[:-_LAG_FRAMES], 0, out=rises[_LAG_FRAMES:])
    return rises


@cache
def _bands() -> tuple[slice, ...]:
    edges = [np.searchsorted(mel_centres(), hz) for hz in BANDS_HZ]
    return tuple(slice(int(low), int(high)) for low, high in edges)


def _by_band(values: Floats) -> Floats:
    return np.stack([values[:, band].mean(1) for band in _bands()], 1)


def _normalized(flux: Floats) -> Floats:
    local = np.sqrt(moving_mean(flux**2, int(_NORMALIZATION_S * FRAME_RATE)))
    overall = np.sqrt((flux**2).mean(0))
    return np.asarray(flux / (local + 0.02 * overall + 1e-6))
