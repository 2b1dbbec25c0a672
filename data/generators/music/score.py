"""Represent a piece before synthesis: notes at beats, and the tempo map with the time of each beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Part = Literal["bass", "segunda", "requinto", "voice", "pad", "macho", "hembra", "guira", "bell", "kick", "snare"]
Rhythm = Literal["none", "derecho", "majao", "mambo", "stop"]
Samples = NDArray[np.float64]

BEATS_PER_BAR = 4
BEATS_PER_EIGHT = 8


@dataclass(frozen=True)
class Note:
    """A note of one part: `beat` and `beats` (its length) in beats, MIDI `pitch`, `velocity` 0-1."""

    part: Part
    beat: float
    beats: float
    pitch: int
    velocity: float


@dataclass(frozen=True)
class Chord:
    """A triad over its MIDI root."""

    root: int
    minor: bool

    def tones(self, octave: int = 0) -> tuple[int, int, int]:
        """Return root, third and fifth, `octave` octaves up."""
        base = self.root + 12 * octave
        return base, base + (3 if self.minor else 4), base + 7


@dataclass(frozen=True)
class TempoMap:
    """The times of the beats, in seconds; beats outside are extrapolated at the tempo of the first or the last beat."""

    times: Samples

    def at(self, beat: float) -> float:
        """Return the time of a beat, which may be fractional or negative, in seconds."""
        last = len(self.times) - 2
        index = min(max(int(np.floor(beat)), 0), last)
        step = self.times[index + 1] - self.times[index]
        return float(self.times[index] + (beat - index) * step)


def steady(tempo_bpm: float, beats: int, first_s: float) -> TempoMap:
    """Return `beats` beats at one tempo, and the beat after them; the first at `first_s` seconds."""
    return TempoMap(np.asarray(first_s + np.arange(beats + 1) * 60.0 / tempo_bpm, dtype=np.float64))


def drifting(tempo_bpm: float, beats: int, first_s: float, drift: float, rng: np.random.Generator) -> TempoMap:
    """Return beats as `steady` does, with a tempo that varies slowly by up to `drift` (a fraction, 0.01 is 1 %)."""
    x = np.arange(beats)
    phases = rng.uniform(0, 2 * np.pi, 3)
    sway = sum(
        weight * np.sin(2 * np.pi * x / period + phase)
        for weight, period, phase in zip((0.55, 0.3, 0.15), (97, 41, 17), phases, strict=True)
    )
    steps = 60.0 / (tempo_bpm * (1 + drift * sway))
    return TempoMap(first_s + np.concatenate([[0.0], np.cumsum(steps)]))


def with_tempo_changes(tempo: TempoMap, shares: Samples) -> TempoMap:
    """Return the map with its first beats faster by `shares` of the tempo; the beats after them keep their lengths."""
    steps = np.diff(tempo.times)
    steps[: len(shares)] /= 1 + shares
    return TempoMap(tempo.times[0] + np.concatenate([[0.0], np.cumsum(steps)]))
