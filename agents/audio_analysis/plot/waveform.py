"""Compute the waveform outline of a media file, of limited size however long the song."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np

from agents.arrays import Floats
from agents.audio_analysis.decode import SAMPLE_RATE_HZ, decode_mono

_MAX_BINS = 32_768
_MIN_BIN_SAMPLES = 16
_FULL_HEIGHT_PERCENTILE = 99.5  # of the peaks; by the maximum, a single crack would make the song look quiet


@dataclass(frozen=True)
class Waveform:
    """The lowest and highest sample of each `bin_s` seconds from time 0, scaled to -1..1; both (bins,)."""

    bin_s: float
    low: Floats
    high: Floats

    def between(self, start_s: float, end_s: float, max_columns: int) -> tuple[Floats, Floats, Floats]:
        """Return (seconds, low, high) of a range, in at most `max_columns` columns, each (columns,)."""
        first, last = int(start_s / self.bin_s), min(ceil(end_s / self.bin_s), len(self.low))
        if last <= first:
            return np.zeros(0), np.zeros(0), np.zeros(0)
        bins = np.arange(first, last, max(1, ceil((last - first) / max_columns)))
        low = np.minimum.reduceat(self.low[:last], bins)
        return bins * self.bin_s, low, np.maximum.reduceat(self.high[:last], bins)


def waveform_of(path: Path, duration_s: float, track: int = 0) -> Waveform:
    """Return the song's waveform, the coarser the longer it is. Raises: `Poison`, as `decode_mono` does."""
    bin_samples = max(_MIN_BIN_SAMPLES, ceil(duration_s * SAMPLE_RATE_HZ / _MAX_BINS))
    low, high = _extremes(decode_mono(path, track), bin_samples)
    peak = max(float(np.percentile(np.maximum(high, -low), _FULL_HEIGHT_PERCENTILE)), 1e-4) if len(low) else 1.0
    return Waveform(bin_samples / SAMPLE_RATE_HZ, np.clip(low / peak, -1, 1), np.clip(high / peak, -1, 1))


def _extremes(blocks: Iterable[Floats], bin_samples: int) -> tuple[Floats, Floats]:
    """Return the lowest and the highest of each `bin_samples` samples, independent of the blocks' borders."""
    lows: list[Floats] = [np.zeros(0)]
    highs: list[Floats] = [np.zeros(0)]
    rest = np.zeros(0, np.float32)
    for block in blocks:
        samples = np.concatenate([rest, block])
        whole = len(samples) // bin_samples * bin_samples
        bins, rest = samples[:whole].reshape(-1, bin_samples), samples[whole:]
        lows.append(bins.min(1))
        highs.append(bins.max(1))
    if len(rest):
        lows.append(rest.min(keepdims=True))
        highs.append(rest.max(keepdims=True))
    return np.concatenate(lows), np.concatenate(highs)
