"""Compute the mel spectrogram and the chromagram of a recording, from which everything else is computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from agents.arrays import Floats
from agents.audio_analysis.decode import SAMPLE_RATE_HZ

N_FFT = 1024
HOP_SAMPLES = 220
FRAME_RATE = SAMPLE_RATE_HZ / HOP_SAMPLES  # frames per second
N_MEL = 64
_BATCH_FRAMES = 512


@dataclass(frozen=True)
class Spectrum:
    """The spectra of a recording.

    `mel` (frames, 64) and `chroma` (frames, 12): magnitudes; frame i is centred on i / FRAME_RATE seconds.
    """

    mel: Floats
    chroma: Floats
    duration_s: float

    def loudness(self) -> Floats:
        """Return the root of each frame's energy, (frames,), without DC."""
        return np.asarray(np.sqrt((self.mel**2).sum(1)))

    def part(self, first: int, end: int) -> Spectrum:
        """Return the spectra of the frames from `first` up to `end`."""
        return Spectrum(self.mel[first:end], self.chroma[first:end], (end - first) / FRAME_RATE)


def spectrum_of(blocks: Iterable[Floats]) -> Spectrum:
    """Return the spectra of a recording; only one block of its samples is in memory at a time."""
    samples = 0

    def counted() -> Iterator[Floats]:
        nonlocal samples
        for block in blocks:
            samples += len(block)
            yield block

    transform = _Transform()
    batches = [transform.magnitudes(frames) @ _filters() for frames in _framed(counted())]
    bands = np.concatenate([np.empty((0, N_MEL + 12), np.float32), *batches])
    return Spectrum(bands[:, :N_MEL], bands[:, N_MEL:], samples / SAMPLE_RATE_HZ)


class _Transform:
    """The Fourier transform of batches of windows, in reused memory: new memory pages cost as much as the transform."""

    def __init__(self) -> None:
        self._windowed = np.empty((_BATCH_FRAMES, N_FFT), np.float32)
        # Any: NumPy's types have only double precision here
        self._bins: npt.NDArray[Any] = np.empty((_BATCH_FRAMES, N_FFT // 2 + 1), np.complex64)
        self._magnitudes = np.empty((_BATCH_FRAMES, N_FFT // 2 + 1), np.float32)

    def magnitudes(self, frames: Floats) -> Floats:
        """Return the magnitudes (frames, 513); the next call overwrites them."""
        count = len(frames)
        np.multiply(frames, _window(), out=self._windowed[:count])
        np.fft.rfft(self._windowed[:count], axis=1, out=self._bins[:count])
        magnitudes: Floats = np.abs(self._bins[:count], out=self._magnitudes[:count])
        return magnitudes


def _framed(blocks: Iterable[Floats]) -> Iterator[Floats]:
    """Yield windows of N_FFT samples every HOP_SAMPLES, in batches, centred by half a window of silence at the ends."""
    edge = np.zeros(N_FFT // 2, np.float32)
    buffer = np.empty(0, np.float32)
    for block in chain([edge], blocks, [edge]):
        buffer = np.concatenate([buffer, block])
        if len(buffer) < N_FFT:
            continue
        windows = np.lib.stride_tricks.sliding_window_view(buffer, N_FFT)[::HOP_SAMPLES]
        for first in range(0, len(windows), _BATCH_FRAMES):
            yield windows[first : first + _BATCH_FRAMES]
        buffer = buffer[len(windows) * HOP_SAMPLES :]


@cache
def _filters() -> Floats:
    return np.ascontiguousarray(np.hstack([mel_filters(), _chroma_filters()]))


@cache
def _window() -> Floats:
    return np.hanning(N_FFT + 1)[:-1].astype(np.float32)  # periodic: DC does not leak into the bands


def _bin_hz() -> Floats:
    return np.arange(N_FFT // 2 + 1) * SAMPLE_RATE_HZ / N_FFT


@cache
def mel_centres() -> Floats:
    """Return the centre of each mel band in Hz, (64,): 30-10500 Hz in equal steps of 2595 log10(1 + f / 700)."""
    return _mel_edges()[1:-1]


def _mel_edges() -> Floats:
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (30.0, 10500.0))
    return np.asarray(700 * (10 ** (np.linspace(low, high, N_MEL + 2) / 2595) - 1))


@cache
def mel_filters() -> Floats:
    """Return triangular filters that sum to 1, (513, 64); a band narrower than a bin uses the nearest bin."""
    low, mid, high = (_mel_edges()[k : k + N_MEL, None] for k in range(3))
    hz = _bin_hz()[None]
    weights = np.maximum(0, np.minimum((hz - low) / (mid - low), (high - hz) / (high - mid)))
    for band in np.flatnonzero(weights.sum(1) == 0):
        weights[band, round(float(mid[band, 0]) * N_FFT / SAMPLE_RATE_HZ)] = 1
    return np.ascontiguousarray((weights / weights.sum(1, keepdims=True)).T, dtype=np.float32)


@cache
def chroma_of_noise() -> Floats:
    """Return the pitch classes of white noise, relative to their mean, (12,): a class has more bins than another."""
    sums = _chroma_filters().sum(0)
    return np.asarray(sums / sums.mean())


@cache
def _chroma_filters() -> Floats:
    """Return filters that fold 190-2000 Hz to 12 pitch classes (C = 0), (513, 12); below, one bin spans several."""
    hz = _bin_hz()
    weights = np.zeros((len(hz), 12), np.float32)
    used = np.flatnonzero((hz > 190) & (hz < 2000))
    classes = np.round(12 * np.log2(hz[used] / 440) + 69).astype(int) % 12
    weights[used, classes] = 1 / np.sqrt(hz[used])
    return weights
