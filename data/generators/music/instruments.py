"""Synthesize the instruments: mono samples at 44.1 kHz from a pitch and a loudness.

Every sound depends on its arguments only, so the same note is always the same sound.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy

from data.generators.music.score import Samples

SAMPLE_RATE = 44_100
_MACHO_HZ, _HEMBRA_HZ = 560.0, 235.0
# Modes of a round membrane: zeros of Bessel functions, relative to the first.
_MEMBRANE = (1.0, 1.594, 2.136, 2.296, 2.653)


def hertz(pitch: int) -> float:
    """Return the frequency of a MIDI pitch (69 is 440 Hz)."""
    return float(440.0 * 2.0 ** ((pitch - 69) / 12.0))


def _seconds(length_s: float) -> Samples:
    return np.arange(int(length_s * SAMPLE_RATE)) / SAMPLE_RATE


def _damped_comb(excitation: Samples, frequency: float, ring_s: float, damping: float) -> Samples:
    """Return a string: a delay of one period that loses its treble (`damping` 0-0.5) and falls by 60 dB in `ring_s`.

    Karplus & Strong (1983) with the fractional delay of Jaffe & Smith (1983), which tunes it.
    """
    period = SAMPLE_RATE / frequency
    whole = int(period - damping)
    fraction = period - damping - whole
    loss = 10.0 ** (-3.0 * period / (SAMPLE_RATE * ring_s))
    taps = loss * np.convolve([1 - damping, damping], [1 - fraction, fraction])
    # A block of one delay depends on earlier blocks only; a filter of that order would take a hundred times as long.
    tone = np.concatenate([np.zeros(whole + 2), excitation])
    for start in range(whole + 2, len(tone), whole):
        end = min(start + whole, len(tone))
        for late, tap in enumerate(taps, start=whole):
            tone[start:end] += tap * tone[start - late : end - late]
    return tone[whole + 2 :]


@lru_cache(maxsize=512)
def pluck(pitch: int, loud: int, ring_s: float, damping: float, pick: float) -> Samples:
    """Return a plucked string that lasts twice `ring_s`.

    `loud` 0-4 increases the treble; `pick` is the plucking point, 0-1 of the string.
    """
    rng = np.random.default_rng([pitch, loud, round(1000 * pick)])
    frequency = hertz(pitch)
    burst = rng.uniform(-1, 1, int(SAMPLE_RATE / frequency))
    excitation = np.zeros(int(2 * ring_s * SAMPLE_RATE))
    excitation[: len(burst)] = burst
    shift = max(1, round(pick * SAMPLE_RATE / frequency))
    excitation[shift:] -= excitation[:-shift].copy()
    dull = 0.75 - 0.14 * loud
    excitation = np.asarray(scipy.signal.lfilter([1 - dull], [1, -dull], excitation))
    tone = _damped_comb(excitation, frequency, ring_s, damping)
    return np.asarray(tone / np.abs(tone).max())


@lru_cache(maxsize=64)
def bass(pitch: int, loud: int) -> Samples:
    """Return a round electric bass: a dull string with a sine at its fundamental."""
    string = pluck(pitch, min(loud, 2), 1.2, 0.5, 0.28)
    t = np.arange(len(string)) / SAMPLE_RATE
    sine = np.sin(2 * np.pi * hertz(pitch) * t) * np.exp(-t / 0.5) * np.minimum(t / 0.004, 1.0)
    return np.asarray(0.45 * string + 0.75 * sine)


@lru_cache(maxsize=64)
def bongo(hembra: bool, loud: int) -> Samples:
    """Return a stroke on the high drum (macho) or the low one (hembra): membrane modes after a slap of the hand."""
    rng = np.random.default_rng([int(hembra), loud])
    t = _seconds(0.32 if hembra else 0.2)
    base = (_HEMBRA_HZ if hembra else _MACHO_HZ) * (1 + 0.06 * np.exp(-t / 0.012))
    phase = 2 * np.pi * np.cumsum(base) / SAMPLE_RATE
    ring = 0.09 if hembra else 0.045
    modes = sum(np.sin(m * phase) * np.exp(-t * m / ring) / m for m in _MEMBRANE)
    slap = rng.standard_normal(len(t)) * np.exp(-t / 0.004) * (0.1 + 0.06 * loud)
    return np.asarray((modes / 2.2 + slap) * np.minimum(t / 0.0008, 1.0))


@lru_cache(maxsize=64)
def guira(length: int, loud: int) -> Samples:
    """Return a scrape of `length` ms over ridged metal: bright noise, modulated by the ridges."""
    rng = np.random.default_rng([length, loud])
    t = _seconds(length / 1000 + 0.03)
    envelope = np.minimum(t / 0.005, 1) * np.exp(-t / (length / 1000 * 0.6))
    ridges = 1 + 0.5 * np.sign(np.sin(2 * np.pi * (190 + 15 * loud) * t))
    band = scipy.signal.butter(2, [3500, 11_000], "band", fs=SAMPLE_RATE, output="sos")
    return np.asarray(scipy.signal.sosfilt(band, rng.standard_normal(len(t)) * envelope * ridges))


@lru_cache(maxsize=8)
def bell(loud: int) -> Samples:
    """Return a campana: two inharmonic square tones."""
    t = _seconds(0.25)
    tones = scipy.signal.square(2 * np.pi * 562 * t) + 0.8 * scipy.signal.square(2 * np.pi * 845 * t)
    band = scipy.signal.butter(2, [700, 5000 + 500 * loud], "band", fs=SAMPLE_RATE, output="sos")
    return np.asarray(scipy.signal.sosfilt(band, tones * np.exp(-t / 0.06)) * 0.5)


@lru_cache(maxsize=8)
def kick(loud: int) -> Samples:
    """Return a bass drum: a sine that falls from 130 to 50 Hz, and the beater's click."""
    t = _seconds(0.3)
    phase = 2 * np.pi * np.cumsum(50 + 80 * np.exp(-t / 0.03)) / SAMPLE_RATE
    click = np.random.default_rng(loud).standard_normal(len(t)) * np.exp(-t / 0.002) * (0.1 + 0.05 * loud)
    return np.asarray((np.sin(phase) * np.exp(-t / 0.1) + click) * np.minimum(t / 0.001, 1.0))


@lru_cache(maxsize=8)
def snare(loud: int) -> Samples:
    """Return a snare drum: wire noise over a short tone."""
    t = _seconds(0.22)
    wires = np.random.default_rng([loud, 3]).standard_normal(len(t)) * np.exp(-t / 0.05)
    tone = np.sin(2 * np.pi * 190 * t) * np.exp(-t / 0.04)
    return np.asarray((0.6 * wires + 0.5 * tone) * np.minimum(t / 0.001, 1.0))


def voice(pitch: int, length_s: float) -> Samples:
    """Return a sung "a": harmonics under four formants, with a delayed vibrato and a pitch scoop at the onset."""
    t = _seconds(length_s + 0.06)
    scoop = 1 - 0.03 * np.exp(-t / 0.04)
    vibrato = 1 + 0.008 * np.clip((t - 0.2) / 0.2, 0, 1) * np.sin(2 * np.pi * 5.6 * t)
    phase = 2 * np.pi * np.cumsum(hertz(pitch) * scoop * vibrato) / SAMPLE_RATE
    tone = sum(_formants(n * hertz(pitch)) / n * np.sin(n * phase) for n in range(1, int(5000 / hertz(pitch)) + 1))
    return np.asarray(tone * np.minimum(t / 0.05, 1) * np.clip((length_s + 0.06 - t) / 0.06, 0, 1))


def _formants(frequency: float) -> float:
    """Return the gain of an open vowel (formants of a tenor's "a": 650, 1080, 2650, 3400 Hz)."""
    peaks = ((650, 110, 1.0), (1080, 130, 0.6), (2650, 200, 0.35), (3400, 260, 0.25))
    return 0.12 + sum(gain / (1 + ((frequency - centre) / width) ** 2) for centre, width, gain in peaks)


def pad(pitch: int, length_s: float) -> Samples:
    """Return soft strings: three detuned sines and their octaves, with slow attack and release."""
    t = _seconds(length_s + 0.2)
    detuned = (hertz(pitch) * (1 + cents) for cents in (-0.003, 0.0, 0.003))
    tone = sum(np.sin(2 * np.pi * f * t + i) + 0.3 * np.sin(4 * np.pi * f * t) for i, f in enumerate(detuned))
    return np.asarray(tone / 3 * np.minimum(t / 0.15, 1) * np.clip((length_s + 0.2 - t) / 0.2, 0, 1))
