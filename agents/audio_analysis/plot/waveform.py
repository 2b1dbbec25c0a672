"""A media file goes in; the outline of its sound comes out, small however long the song."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np

from agents.arrays import Floats
from agents.audio_analysis.decode import RATE, sound

_MOST_BINS = 32_768
_FINEST = 16
_LOUD = 99.5  # the percentile that fills the height: a single crack must not make the song look quiet


@dataclass(frozen=True)
class Wave:
    """The lowest and highest sample of each `bin_s` seconds from time 0, scaled to -1..1; both (bins,)."""

    bin_s: float
    low: Floats
    high: Floats

    def between(self, start_s: float, end_s: float, columns: int) -> tuple[Floats, Floats, Floats]:
        """(seconds, low, high) of a stretch, in so many columns at most."""
        first, last = int(start_s / self.bin_s), min(ceil(end_s / self.bin_s), len(self.low))
        if last <= first:
            return np.zeros(0), np.zeros(0), np.zeros(0)
        at = np.arange(first, last, max(1, ceil((last - first) / columns)))
        low = np.minimum.reduceat(self.low[:last], at)
        return at * self.bin_s, low, np.maximum.reduceat(self.high[:last], at)


def wave_of(path: Path, duration_s: float) -> Wave:
    """The song's outline; the longer it lasts the coarser. Raises `Poison` as decoding does."""
    width = max(_FINEST, ceil(duration_s * RATE / _MOST_BINS))
    low, high = _extremes(sound(path), width)
    loud = max(float(np.percentile(np.maximum(high, -low), _LOUD)), 1e-4) if len(low) else 1.0
    return Wave(width / RATE, np.clip(low / loud, -1, 1), np.clip(high / loud, -1, 1))


def _extremes(blocks: Iterable[Floats], width: int) -> tuple[Floats, Floats]:
    """Lowest and highest of each `width` samples, across the blocks' borders."""
    lows, highs, rest = [np.zeros(0)], [np.zeros(0)], np.zeros(0, np.float32)
    for block in blocks:
        samples = np.concatenate([rest, block])
        whole = len(samples) // width * width
        bins, rest = samples[:whole].reshape(-1, width), samples[whole:]
        lows.append(bins.min(1))
        highs.append(bins.max(1))
    if len(rest):
        lows.append(rest.min(keepdims=True))
        highs.append(rest.max(keepdims=True))
    return np.concatenate(lows), np.concatenate(highs)
