"""A spectrum goes in; how strongly something begins, frame by frame and band by band, comes out."""

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
_LAG = 2
_NEARBY_S = 2.0


@dataclass(frozen=True)
class Onsets:
    """`flux` (frames, 5): rises per band, evened out over 8 s; `level` (frames, 5): log magnitude per band;
    `strength` (frames,): all bands together; `activation` (frames,): the same, 0-0.8; `attack` (frames,): like it,
    of plain magnitudes, which tell better when a stroke falls, though not so well that it does."""

    flux: Floats
    level: Floats
    strength: Floats
    activation: Floats
    attack: Floats

    @cached_property
    def percussion(self) -> Floats:
        """How much of its usual güira is heard at each frame, (frames,): 0 at the noise floor, 1 in the full band."""
        guira = np.expm1(self.level[:, -1])
        floor, full = np.percentile(guira, 3), np.percentile(moving_mean(guira, round(_NEARBY_S * FRAME_RATE)), 90)
        return np.asarray((guira - floor) / (full - floor + 1e-6))


def onsets_of(spectrum: Spectrum) -> Onsets:
    """Superflux per band (Böck & Widmer, DAFx 2013) on log mel magnitudes, scaled to the piece's own loudness."""
    log_mel = log_magnitude(spectrum)
    flux = _evened(_by_band(_rises(log_mel)))
    strength = flux @ _BAND_WEIGHTS
    attack = _evened(_by_band(_rises(spectrum.mel))) @ _BAND_WEIGHTS
    return Onsets(flux, _by_band(log_mel), strength, _scaled(strength), _scaled(attack))


def _scaled(strength: Floats) -> Floats:
    full = float(np.percentile(strength, 98)) or 1.0
    return np.asarray(np.clip(strength / full, 0, 1) * 0.8)


def log_magnitude(spectrum: Spectrum) -> Floats:
    """log(1 + 240 x / m) of the mel magnitudes x, m being the median loudness of the frames that sound."""
    loud = spectrum.loudness()
    sounding = loud[loud > 1e-3 * loud.max()]
    scale = np.float32(240 / (np.median(sounding) if len(sounding) else 1.0))
    return np.asarray(np.log1p(spectrum.mel * scale))


def moving_mean(values: Floats, width: int) -> Floats:
    """The mean over `width` frames around each, (frames, ...); fewer at the ends."""
    total = np.concatenate([np.zeros_like(values[:1], float), np.cumsum(values, axis=0, dtype=float)])
    first = np.maximum(np.arange(len(values)) - width // 2, 0)
    last = np.minimum(first + width, len(values))
    count = (last - first).reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray((total[last] - total[first]) / count, dtype=values.dtype)


def moving_max(values: Floats, radius: int) -> Floats:
    """The largest of each frame and its `radius` neighbours on either side, (frames, ...)."""
    best = values.copy()
    for shift in range(1, radius + 1):
        np.maximum(best[shift:], values[:-shift], out=best[shift:])
        np.maximum(best[:-shift], values[shift:], out=best[:-shift])
    return best


def _rises(log_mel: Floats) -> Floats:
    rises = np.zeros_like(log_mel)
    before = moving_max(log_mel.T, 1).T
    np.maximum(log_mel[_LAG:] - before[:-_LAG], 0, out=rises[_LAG:])
    return rises


@cache
def _bands() -> tuple[slice, ...]:
    edges = [np.searchsorted(mel_centres(), hz) for hz in BANDS_HZ]
    return tuple(slice(int(low), int(high)) for low, high in edges)


def _by_band(values: Floats) -> Floats:
    return np.stack([values[:, band].mean(1) for band in _bands()], 1)


def _evened(flux: Floats) -> Floats:
    nearby = np.sqrt(moving_mean(flux**2, int(8 * FRAME_RATE)))
    overall = np.sqrt((flux**2).mean(0))
    return np.asarray(flux / (nearby + 0.02 * overall + 1e-6))
