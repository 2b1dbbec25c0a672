"""Mix a piece to stereo at 44.1 kHz: notes placed in time, balanced, with reverb, limited."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import scipy

from data.generators.music import instruments
from data.generators.music.arrangement import Piece
from data.generators.music.hardness import EASY, Hardness
from data.generators.music.instruments import SAMPLE_RATE
from data.generators.music.score import Note, Part, Samples

_GAIN_AND_PAN: dict[Part, tuple[float, float]] = {  # gain at velocity 1, pan (0 left, 1 right)
    "bass": (0.27, 0.5),
    "segunda": (0.75, 0.36),
    "requinto": (0.85, 0.64),
    "voice": (0.36, 0.5),
    "pad": (0.12, 0.5),
    "macho": (0.5, 0.58),
    "hembra": (0.72, 0.55),
    "guira": (0.25, 0.4),
    "bell": (0.3, 0.62),
    "kick": (0.5, 0.5),
    "snare": (0.4, 0.48),
}
_REVERB_GAIN = 0.2
_DRIVE = 1.9  # gain before the soft limiter, relative to the 99.99th percentile of the level
_HISS_LEVEL = 0.006
_LENGTH_STEP_S = 0.02  # of cached sounds


def mix(piece: Piece, duration_s: float, seed: int, hardness: Hardness = EASY) -> Samples:
    """Return the piece as samples of shape (frames, 2) within -1..1, exactly `duration_s` long; sound outside is cut.

    An old recording (`lofi`) has shape (frames, 1).
    """
    frames = round(duration_s * SAMPLE_RATE)
    dry = np.zeros((2, frames))
    for part in sorted({note.part for note in piece.notes}):
        _pan(dry, track(piece, part, frames, seed, hardness), _GAIN_AND_PAN[part][1])
    loud = _limit(dry + _REVERB_GAIN * _reverb(dry, seed))
    return _old_recording(loud, seed) if hardness.lofi else loud.T


def fade_out(samples: Samples, seconds: float) -> Samples:
    """Return the samples with a linear fade-out over the last `seconds`."""
    count = int(seconds * SAMPLE_RATE)
    ramp = np.ones(len(samples))
    ramp[-count:] = np.linspace(1, 0, count)
    return np.asarray(samples * ramp[:, None])


def track(piece: Piece, part: Part, frames: int, seed: int, hardness: Hardness) -> Samples:
    """Return one part alone, (frames,), at its level in the mix before limiting."""
    rng = np.random.default_rng([seed, *part.encode()])
    gain = _GAIN_AND_PAN[part][0] * _gain_of(part, hardness)
    sound = _sound if hardness == EASY else _rounded_sound
    spread_s = hardness.voice_jitter_s if part == "voice" else hardness.jitter_s
    mono = np.zeros(frames)
    for note in (note for note in piece.notes if note.part == part):
        start = piece.tempo.at(note.beat)
        length = piece.tempo.at(note.beat + note.beats) - start
        _add(mono, gain * note.velocity**1.4 * sound(note, length), start + rng.normal(0, spread_s))
    return _chorus(mono) if part == "requinto" else mono


def _gain_of(part: Part, hardness: Hardness) -> float:
    decibel = {
        "bass": hardness.bass_db,
        "segunda": hardness.guitars_db,
        "requinto": hardness.guitars_db,
        "voice": hardness.voice_db,
        "pad": 0.0,
    }
    return float(10 ** (decibel.get(part, hardness.percussion_db) / 20))


def _pan(stereo: Samples, mono: Samples, pan: float) -> None:
    for channel, share in enumerate((1 - pan, pan)):
        stereo[channel] += mono * np.sqrt(share) * np.sqrt(2)


def _sound(note: Note, length_s: float) -> Samples:
    return _SOUNDS[note.part](note.pitch, min(4, int(note.velocity * 5)), length_s)


def _rounded_sound(note: Note, length_s: float) -> Samples:
    """Return the sound with its length rounded to 20 ms, so that most notes are cached.

    The demo songs do not use this: their bytes depend on the exact length.
    """
    return _cached_sound(
        note.part, note.pitch, min(4, int(note.velocity * 5)), round(length_s / _LENGTH_STEP_S) * _LENGTH_STEP_S
    )


@lru_cache(maxsize=512)
def _cached_sound(part: Part, pitch: int, loud: int, length_s: float) -> Samples:
    return np.asarray(_SOUNDS[part](pitch, loud, length_s))


def _damp(tone: Samples, length_s: float, release_s: float) -> Samples:
    """Return the tone with a release that begins after `length_s`."""
    t = np.arange(min(len(tone), int((length_s + 4 * release_s) * SAMPLE_RATE))) / SAMPLE_RATE
    return np.asarray(tone[: len(t)] * np.exp(-np.maximum(t - length_s, 0) / release_s))


_SOUNDS: dict[Part, Callable[[int, int, float], Samples]] = {  # from pitch, loudness 0-4 and length in seconds
    "bass": lambda pitch, loud, length: _damp(instruments.bass(pitch, loud), length, 0.04),
    "segunda": lambda pitch, loud, length: _damp(instruments.pluck(pitch, loud, 0.9, 0.45, 0.22), length, 0.05),
    "requinto": lambda pitch, loud, length: _damp(instruments.pluck(pitch, loud, 1.1, 0.25, 0.13), length, 0.08),
    "voice": lambda pitch, _, length: instruments.voice(pitch, length),
    "pad": lambda pitch, _, length: instruments.pad(pitch, length),
    "macho": lambda _, loud, __: instruments.bongo(False, loud),
    "hembra": lambda _, loud, __: instruments.bongo(True, loud),
    "guira": lambda _, loud, length: instruments.guira(round(1000 * length), loud),
    "bell": lambda _, loud, __: instruments.bell(loud),
    "kick": lambda _, loud, __: instruments.kick(loud),
    "snare": lambda _, loud, __: instruments.snare(loud),
}


def _add(track: Samples, sound: Samples, start_s: float) -> None:
    start = round(start_s * SAMPLE_RATE)
    first, last = max(start, 0), min(start + len(sound), len(track))
    if last > first:
        track[first:last] += sound[first - start : last - start]


def _chorus(mono: Samples) -> Samples:
    """Return the sound with a copy, 14 ms late with a modulated delay: the sound of a bachata's lead guitar."""
    t = np.arange(len(mono))
    late = t - SAMPLE_RATE * (0.014 + 0.0025 * np.sin(2 * np.pi * 0.9 * t / SAMPLE_RATE))
    return np.asarray(mono + 0.35 * np.interp(late, t, mono, left=0.0))


def _reverb(dry: Samples, seed: int) -> Samples:
    """Return the reverb of channels of shape (2, frames): exponentially decaying noise, 0.8 s long."""
    rng = np.random.default_rng([seed, 7])
    t = np.arange(int(0.8 * SAMPLE_RATE)) / SAMPLE_RATE
    echo = rng.standard_normal((len(t), 2)) * np.exp(-t / 0.18)[:, None]
    dull = scipy.signal.butter(1, 5000, "low", fs=SAMPLE_RATE, output="sos")
    echo = scipy.signal.sosfilt(dull, echo, axis=0)
    echo /= np.sqrt((echo**2).sum(axis=0))
    wet = (scipy.signal.oaconvolve(channel, tail) for channel, tail in zip(dry, echo.T, strict=True))
    return np.stack([channel[: dry.shape[1]] for channel in wet])


def _limit(samples: Samples) -> Samples:
    """Return the samples compressed by a soft limiter, with headroom for the overshoot of an MP3 decoder."""
    loudest = float(np.quantile(np.abs(samples), 0.9999))
    return np.asarray(0.64 * np.tanh(samples / loudest * _DRIVE))


def _old_recording(loud: Samples, seed: int) -> Samples:
    """Return the samples as an old tape would reproduce them, (frames, 1)."""
    band = scipy.signal.butter(2, [110, 6500], "band", fs=SAMPLE_RATE, output="sos")
    mono = scipy.signal.sosfilt(band, loud.mean(axis=0))
    hiss = np.random.default_rng([seed, 8]).standard_normal(len(mono))
    return np.asarray(0.9 * (mono + _HISS_LEVEL * hiss))[:, None]
