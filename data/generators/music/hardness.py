"""Define what makes a song hard to analyze, as numbers: tempo changes, imprecise players, the mix and the recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from data.generators.music.score import Samples

Patterns = Literal["textbook", "street", "modern"]
_RITARDANDO_BEATS = 6


@dataclass(frozen=True)
class Hardness:
    """The difficulties of a song; the default values are none. Fractions are of 1, levels in dB relative to EASY.

    The tempo of the first section varies by `rubato` and slows by `ritardando` towards its end. Players deviate from
    the beat by `jitter_s`, singers by `voice_jitter_s` (standard deviations). Of the lead guitar's notes the fraction
    `early` comes a sixteenth early, and those off the beat are louder by `off_accent` (of full loudness); where no
    percussion plays, the fraction `missing` of the rhythm guitar's notes is left out. `lofi` imitates an old recording:
    mono, no bass, no treble, hiss.
    """

    patterns: Patterns = "textbook"
    rubato: float = 0.0
    ritardando: float = 0.0
    jitter_s: float = 0.004
    voice_jitter_s: float = 0.004
    percussion_db: float = 0.0
    bass_db: float = 0.0
    guitars_db: float = 0.0
    voice_db: float = 0.0
    early: float = 0.0
    off_accent: float = 0.0
    missing: float = 0.0
    lofi: bool = False

    def bend(self, beats: int, rng: np.random.Generator) -> Samples:
        """Return for each beat of the first section by what fraction of the tempo it is faster than the base tempo."""
        x = np.arange(beats)
        sway = self.rubato * np.sin(2 * np.pi * x / rng.uniform(11, 16) + rng.uniform(0, 2 * np.pi))
        slowing = np.clip((x - beats + 1 + _RITARDANDO_BEATS) / _RITARDANDO_BEATS, 0, 1)
        return np.asarray(sway - self.ritardando * slowing)


EASY = Hardness()
