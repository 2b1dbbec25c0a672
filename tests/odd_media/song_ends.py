"""Sounds that stand before and after the music of a song: applause, talk, crackle, clicks that count in, silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import scipy

from agents.arrays import Floats
from tests.odd_media import sounds
from tests.odd_media.marked import SOUND_HZ

RATE_HZ: Final = 22050


def silence(seconds: float, rng: np.random.Generator) -> Floats:
    """Return digital silence, mono samples at 22050 Hz like all of these."""
    del rng
    return np.zeros(int(seconds * RATE_HZ), np.float32)


def applause(seconds: float, rng: np.random.Generator, people: int = 50) -> Floats:
    """Return the claps of people who clap three to five times a second, each with another sound and loudness."""
    sound = np.zeros(int((seconds + 0.1) * RATE_HZ))
    for rate, level in zip(rng.uniform(3, 5, people), rng.lognormal(0, 0.7, people), strict=True):
        clap = level * _band(rng.normal(size=660), 700, 4000) * np.exp(-np.arange(660) / 150)
        times = np.arange(rng.uniform(0, 1 / rate), seconds, 1 / rate)
        for start in ((times + rng.normal(0, 0.03, len(times))).clip(0, seconds) * RATE_HZ).astype(int):
            sound[start : start + len(clap)] += clap * rng.uniform(0.5, 1)
    return _scaled(sound[: int(seconds * RATE_HZ)])


def noise_bursts(seconds: float, rng: np.random.Generator) -> Floats:
    """Return noise whose loudness rises and falls a few times a second, as a crowd that claps and cheers."""
    count = int(seconds * RATE_HZ)
    steps = np.repeat(rng.uniform(0.2, 1, int(seconds * 9) + 1), RATE_HZ // 9 + 1)[:count]
    envelope = scipy.signal.lfilter([0.002], [1, -0.998], steps)
    return _scaled(_band(rng.normal(size=count), 300, 8000) * envelope)


def crowd(seconds: float, rng: np.random.Generator) -> Floats:
    """Return the murmur of a hall: pink noise that swells slowly."""
    count = int(seconds * RATE_HZ)
    pink = scipy.signal.lfilter([0.05, -0.096, 0.05, -0.004], [1, -2.495, 2.017, -0.522], rng.normal(size=count))
    return _scaled(pink * (1 + 0.5 * np.sin(2 * np.pi * 0.2 * np.arange(count) / RATE_HZ)))


def speech(seconds: float, rng: np.random.Generator) -> Floats:
    """Return a voice-like sound, as `sounds.speech` makes it."""
    sound = sounds.speech(max(seconds, 1.0), int(rng.integers(1 << 30)))
    return _scaled(scipy.signal.resample_poly(sound[0], RATE_HZ, SOUND_HZ)[: int(seconds * RATE_HZ)])


def crackle(seconds: float, rng: np.random.Generator) -> Floats:
    """Return the groove of a record before the music: pops, a scratch on each turn, hiss and rumble."""
    count = int(seconds * RATE_HZ)
    sound = (rng.random(count) < 25 / RATE_HZ) * rng.lognormal(0, 0.8, count) * rng.choice([-1, 1], count)
    sound[:: int(1.8 * RATE_HZ)] += 3
    hiss, rumble = 0.02 * rng.normal(size=count), 0.05 * _band(rng.normal(size=count), 20, 60)
    return _scaled(scipy.signal.lfilter([0.6, 0.2], [1, -0.4], sound) + hiss + rumble)


ENDS: Final[dict[str, tuple[Callable[[float, np.random.Generator], Floats], float]]] = {
    "silence": (silence, 0.0),
    "applause": (applause, 0.6),
    "noise bursts": (noise_bursts, 0.6),
    "crowd": (crowd, 0.3),
    "speech": (speech, 0.6),
    "crackle": (crackle, 0.05),
}  # each with its level relative to the music's, as root mean squares


def with_ends(music: Floats, kind: str, before_s: float, after_s: float, seed: int = 1) -> Floats:
    """Return the music with a sound of these lengths before and after it; lengths are 0 or a second and more."""
    make, level = ENDS[kind]
    rng = np.random.default_rng(seed)
    loudness = level * float(np.sqrt((music**2).mean()))
    ends = [loudness * make(seconds, rng) if seconds else np.zeros(0) for seconds in (before_s, after_s)]
    return np.concatenate([ends[0], music, ends[1]]).astype(np.float32)


def _band(samples: Floats, low_hz: float, high_hz: float) -> Floats:
    return np.asarray(
        scipy.signal.sosfilt(scipy.signal.butter(2, (low_hz, high_hz), "bandpass", fs=RATE_HZ, output="sos"), samples)
    )


def _scaled(samples: Floats) -> Floats:
    """Return the samples at a root mean square of 1."""
    return np.asarray(samples / max(float(np.sqrt((samples**2).mean())), 1e-9), np.float32)
