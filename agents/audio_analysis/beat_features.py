"""Compute the features of each beat once, for all parts of the analysis that compare beats."""

from __future__ import annotations

from dataclasses import dataclass

from agents.arrays import Floats
from agents.audio_analysis.meter import accents_of, beat_means
from agents.audio_analysis.onsets import Onsets
from agents.audio_analysis.spectrum import Spectrum


@dataclass(frozen=True)
class BeatFeatures:
    """Features of the sound from each beat to the next.

    `strokes` (beats, 4, bands): the strongest flux on each of its sixteenths; `level` (beats, bands): log magnitudes;
    `chroma` (beats, 12): magnitudes; `percussion` (beats,): the güira's level relative to the piece, about 0-1.
    """

    strokes: Floats
    level: Floats
    chroma: Floats
    percussion: Floats


def beat_features_of(frames: Floats, onsets: Onsets, spectrum: Spectrum) -> BeatFeatures:
    """Return the features of the beats at `frames`: (beats,) fractional frames, increasing, at least two."""
    return BeatFeatures(
        strokes=accents_of(frames, onsets.flux, parts=4, radius=2),
        level=beat_means(frames, onsets.level),
        chroma=beat_means(frames, spectrum.chroma),
        percussion=beat_means(frames, onsets.percussion),
    )
