"""Compute an embedding of 128 values: music with similar timbre, harmony and rhythm has similar embeddings."""

from __future__ import annotations

from functools import cache

import numpy as np

from agents.arrays import Floats
from agents.audio_analysis.beat_features import BeatFeatures
from agents.audio_analysis.meter import chord_changes, unit
from agents.audio_analysis.onsets import Onsets, log_magnitude
from agents.audio_analysis.spectrum import FRAME_RATE, N_MEL, Spectrum
from agents.audio_analysis.tempo import autocorrelation

_CEPSTRA = 20
_LAGS_BEATS = np.arange(1, 17) / 4
_TEMPI_BPM = np.geomspace(90.0, 190.0, 12)


def embedding_of(spectrum: Spectrum, onsets: Onsets, features: BeatFeatures, tempo_bpm: float) -> Floats:
    """Return the embedding, (128,), length 1: timbre (60), harmony (20) and rhythm (48), each scaled to length 1.

    It is the same for a song and for the audio of a clip; it depends on neither loudness nor key.
    """
    parts = (_timbre(spectrum), _harmony(features.chroma), _rhythm(onsets, features.strokes, tempo_bpm))
    return unit(np.concatenate([unit(part) for part in parts]))


def _timbre(spectrum: Spectrum) -> Floats:
    """Return mean, spread and mean change of 20 mel cepstra (DCT-II, without the first, which is loudness), (60,)."""
    cepstra = log_magnitude(spectrum) @ _cosines()
    change = np.abs(np.diff(cepstra, axis=0)).mean(0)
    return np.concatenate([cepstra.mean(0), cepstra.std(0), change])


@cache
def _cosines() -> Floats:
    order = np.arange(1, _CEPSTRA + 1)
    waves = np.cos(np.pi / N_MEL * (np.arange(N_MEL)[:, None] + 0.5) * order)
    return np.asarray(waves / np.linalg.norm(waves, axis=0), dtype=np.float32)


def _harmony(beat_chroma: Floats) -> Floats:
    """Return pitch classes counted from the most frequent one (12), and chord changes after 1, 2, 4 and 8 beats (8)."""
    chroma = unit(beat_chroma)
    mean = chroma.mean(0)
    changes = [chord_changes(chroma, width) for width in (1, 2, 4, 8)]
    shape = np.concatenate([[change.mean(), change.std()] for change in changes])
    return np.concatenate([unit(np.roll(mean, -int(mean.argmax())) - mean.mean()), unit(shape)])


def _rhythm(onsets: Onsets, beat_strokes: Floats, tempo_bpm: float) -> Floats:
    """Return strokes on a beat's sixteenths by band (20), autocorrelation after 1-16 sixteenths (16) and tempo (12)."""
    strokes = unit(beat_strokes.mean(0).ravel())
    beat_frames = 60 * FRAME_RATE / tempo_bpm
    correlation = autocorrelation(onsets.strength, int(5 * FRAME_RATE))
    repeats = np.interp(_LAGS_BEATS * beat_frames, np.arange(len(correlation)), correlation)
    tempo = np.exp(-0.5 * (np.log2(_TEMPI_BPM / tempo_bpm) / 0.08) ** 2)
    return np.concatenate([strokes, unit(repeats), unit(tempo)])
