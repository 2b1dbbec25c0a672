"""Sounds that are no music, sounds with odd channels, and files with several sound tracks."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from tests.odd_media.marked import SOUND_HZ, Samples

_FORMANTS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
_BLOCK = 441  # samples between two points of a voice's spectrum; between them it is interpolated


@cache
def speech(seconds: float, seed: int = 1) -> Samples:
    """Return speech-like sound: syllables of irregular length whose pitch glides, hisses between them, and pauses."""
    rng = np.random.default_rng(seed)
    out = np.zeros(round(seconds * SOUND_HZ))
    start = 0
    while start < len(out):
        syllable = _syllable(rng)
        end = min(start + len(syllable), len(out))
        out[start:end] += syllable[: end - start]
        pause_s = rng.uniform(0.35, 0.9) if rng.random() < 0.16 else rng.uniform(0.0, 0.05)
        start = end + round(pause_s * SOUND_HZ)
    return _stereo(0.3 * out / np.abs(out).max())


def _syllable(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a vowel with a gliding pitch, after a hiss in every third syllable."""
    samples = round(rng.uniform(0.09, 0.3) * SOUND_HZ)
    pitch = np.linspace(rng.uniform(95, 190), rng.uniform(85, 170), samples)
    one, other = (np.array(_FORMANTS_HZ[rng.integers(len(_FORMANTS_HZ))], float) for _ in range(2))
    voice = _voice(pitch, np.linspace(one, other, samples))
    voice *= np.hanning(samples) ** 0.4
    hiss = rng.standard_normal(round(rng.uniform(0.03, 0.09) * SOUND_HZ)) * 0.4 if rng.random() < 0.35 else np.zeros(0)
    return np.concatenate([hiss, voice])


def _voice(pitch: NDArray[np.float64], formants: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 24 harmonics of a gliding pitch (samples,), each as loud as the formants (samples, 3) near it make it."""
    turn = np.exp(2j * np.pi * np.cumsum(pitch) / SOUND_HZ)
    voice, wave = np.zeros(len(pitch)), np.ones(len(pitch), complex)
    at, points = np.arange(len(pitch)), np.arange(0, len(pitch) + _BLOCK, _BLOCK).clip(max=len(pitch) - 1)
    for harmonic in range(1, 25):
        wave *= turn
        distance = np.abs(harmonic * pitch[points, None] - formants[points]) / 110
        voice += wave.imag * np.interp(at, points, (1 / (1 + distance**2)).sum(1)) / harmonic**0.5
    return voice


@cache
def noise(seconds: float, seed: int = 2) -> Samples:
    """Return white noise."""
    return _stereo(0.1 * np.random.default_rng(seed).standard_normal(round(seconds * SOUND_HZ)))


def clicks(seconds: float, bpm: float = 100.0) -> Samples:
    """Return a metronome."""
    time = np.arange(round(seconds * SOUND_HZ)) / SOUND_HZ
    return _stereo(0.5 * np.exp(-60 * (time % (60 / bpm))) * np.sin(2 * np.pi * 1000 * time))


def silence(seconds: float) -> Samples:
    """Return silence."""
    return np.zeros((2, round(seconds * SOUND_HZ)), np.float32)


def antiphase(sound: Samples) -> Samples:
    """Return the left channel of a sound in both channels, inverted in the right one: their mean is silence."""
    return np.stack([sound[0], -sound[0]])


def late(sound: Samples, seconds: float) -> Samples:
    """Return a sound after silence."""
    return np.concatenate([silence(seconds), sound], axis=1)


def of_unknown_codec(path: Path, name: bytes = b"A_AC3") -> Path:
    """Give the first track of Matroska that has a codec, by its name there, the name of a codec that nobody knows."""
    content = path.read_bytes()
    path.write_bytes(content.replace(name, b"A_" + b"X" * (len(name) - 2), 1))
    return path


def _stereo(mono: NDArray[np.floating]) -> Samples:
    return np.stack([mono, mono]).astype(np.float32)


def write_channels(path: Path, channels: Samples, layout: str, codec: str = "pcm_s16le") -> Path:
    """Write channels, as many as the layout has, at 44100 Hz (Opus: 48000 Hz)."""
    with av.open(str(path), "w") as writer:
        rate = 48_000 if codec == "libopus" else SOUND_HZ
        options = {"compression_level": "0"} if codec == "libopus" else {}  # fast
        stream: Any = writer.add_stream(codec, rate=rate, layout=layout, options=options)
        packed = np.ascontiguousarray(channels.T.reshape(1, -1), np.float32)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = SOUND_HZ, 0, Fraction(1, SOUND_HZ)
        size = stream.codec_context.frame_size or 4096
        resampler = av.AudioResampler(format=stream.format, layout=layout, rate=rate, frame_size=size)
        for resampled in [*resampler.resample(frame), *resampler.resample(None), None]:
            writer.mux(stream.encode(resampled))
    return path


def in_channel(mono: NDArray[np.floating], channels: int, place: int) -> Samples:
    """Return a sound in one channel of several; the others are silent."""
    out = np.zeros((channels, len(mono)), np.float32)
    out[place] = mono
    return out
