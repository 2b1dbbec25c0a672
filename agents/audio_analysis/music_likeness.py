"""Tell music from speech and noise by its beats, its notes and its pauses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.audio_analysis.spectrum import Spectrum

_SOUNDING = 0.01  # of the loudness of loud frames: 40 dB below them
# Measured on clips and songs of music, alone and under speech and noise, on 100 excerpts of synthetic speech, and on
# noise. Music with pauses has tones of 0.63 to 0.9, speech 0.42 to 0.6. Without pauses the notes of music are 0.55 to
# 0.9, under noise 0.48 to 0.58, those of noise 0.42 to 0.47. Short speech has beats by chance, seldom above 0.85.
_MIN_FULLNESS = 0.93
_MIN_NOTES_WITH_PAUSES, _MIN_TONES = 0.52, 0.6
_BEATS_WITH_PAUSES = (0.65, 0.85)  # regular pauses are taken for beats: enough with tones, and without
_NOTES, _MIN_BEATS = (0.46, 0.54), (0.6, 0.3)
_NOTES_RANGE = (0.45, 0.56)
_SHARE_WITHOUT_NOTES = 0.3  # of the score of music with the same beats


@dataclass(frozen=True)
class MusicLikeness:
    """How much a piece is like music, each 0-1.

    `beats`: confidence in its beats. `tones`: the strongest pitch class's share of a usual frame: large for held notes,
    small for gliding and toneless sounds. `fullness`: the share of frames that are not pauses.
    """

    beats: float
    tones: float
    fullness: float

    @property
    def notes(self) -> float:
        """Return the tones, pauses counted as frames without."""
        return self.tones * self.fullness

    def is_speech_or_noise(self) -> bool:
        """Return whether it has neither a beat that can be followed nor held notes."""
        if self.fullness < _MIN_FULLNESS:
            enough = _BEATS_WITH_PAUSES[self.tones < _MIN_TONES]
            return self.notes < _MIN_NOTES_WITH_PAUSES and self.beats < enough
        return self.notes < _NOTES[1] and self.beats < float(np.interp(self.notes, _NOTES, _MIN_BEATS))

    def score(self) -> float:
        """Return a figure to compare pieces by, 0-1: high for music, low for speech, noise and click tracks."""
        return float(self.beats * np.interp(self.notes, _NOTES_RANGE, (_SHARE_WITHOUT_NOTES, 1.0)))


def music_likeness_of(spectrum: Spectrum, beat_confidence: float) -> MusicLikeness:
    """Return the likeness of a piece that is not silent, from its spectra and the confidence in its beats."""
    loudness = spectrum.loudness()
    sounding = loudness > _SOUNDING * np.percentile(loudness, 95)
    chroma = spectrum.chroma[sounding]
    shares = chroma.max(1) / (np.linalg.norm(chroma, axis=1) + 1e-9)
    return MusicLikeness(beat_confidence, float(np.median(shares)) if len(shares) else 0.0, float(sounding.mean()))
