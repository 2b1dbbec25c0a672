"""What makes a song hard to follow, as figures: what the tempo, the players, the mix and the recording do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from data.generators.music.score import Samples

Patterns = Literal["textbook", "street", "modern"]
_RITARDANDO_BEATS = 6


@dataclass(frozen=True)
class Hardness:
    """As it stands, nothing is hard. Shares are of 1, levels in dB beside an easy song's.

    The first section sways by `rubato` and slows by `ritardando` towards its end. Players miss the time by `jitter_s`,
    singers by `voice_jitter_s` (standard deviations). Of the lead guitar's notes the share `early` comes a sixteenth
    ahead, and those off the beat are louder by `off_accent` (of full loudness); where no percussion plays, the share
    `missing` of the rhythm guitar's is left out. `lofi` is an old recording: mono, no bass, no treble, hiss.
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
        """By what share of the tempo each of the first section's beats is quicker than its neighbours would be."""
        x = np.arange(beats)
        sway = self.rubato * np.sin(2 * np.pi * x / rng.uniform(11, 16) + rng.uniform(0, 2 * np.pi))
        slowing = np.clip((x - beats + 1 + _RITARDANDO_BEATS) / _RITARDANDO_BEATS, 0, 1)
        return np.asarray(sway - self.ritardando * slowing)


EASY = Hardness()
