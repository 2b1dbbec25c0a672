"""Find where the music of a recording begins and ends, without the silence, applause and talk around it."""

from __future__ import annotations

import numpy as np

from agents.arrays import Bools, Floats, Ints
from agents.audio_analysis.meter import unit
from agents.audio_analysis.onsets import Onsets, moving_mean
from agents.audio_analysis.spectrum import FRAME_RATE, Spectrum, chroma_of_noise
from agents.audio_analysis.tempo import autocorrelation

# The ranges over which a measure rises from 0 (noise or a voice that talks) to 1 (music), from songs with known ends.
_RHYTHM = (0.2, 0.5)  # autocorrelation of the onsets
_CONTRAST = (0.4, 0.6)  # log of the strongest pitch class over the middle one: a güira alone has 0.6, claps have 0.4
_HOLD = (0.25, 0.5)  # correlation of the pitch classes with those of a moment before
_CHANGE = (0.08, 0.25)  # how much lower their correlation with earlier ones is
_MIN_LEVEL = 0.005  # of the loudness, relative to the piece's median: -46 dB
_RHYTHM_WINDOW_S, _TONE_WINDOW_S, _LEVEL_WINDOW_S, _CHORD_WINDOW_S = 4.0, 2.0, 0.25, 0.25
_NOTE_S, _EARLIER_S = 0.12, (0.9, 1.5)
_MIN_LAG_S, _MAX_LAG_S, _LAGS = 0.15, 2.5, 4
_MAX_FLUX = 4.0  # single strokes count no more than this
_MIN_LEFT_OUT_S = 2.0  # of what is clearly no music; less at an end stays
_MIN_MUSIC_S, _MIN_MUSIC_SHARE = 10.0, 0.25  # less is taken for music of a kind that is not known here


def music_span(onsets: Onsets, spectrum: Spectrum) -> tuple[int, int]:
    """Return the first frame of the music and the one after its last.

    Frames are music where some pitches stand out, and notes are held and change, or onsets repeat in time. Left out at
    an end of the recording is the part whose frames, all together, speak against music most: a gap in the music does
    not end it, and a quiet beginning is kept.
    """
    evidence = music_frames(onsets, spectrum) - 0.5
    count = len(evidence)
    first = _left_out(evidence)
    last = count - _left_out(evidence[::-1])
    is_too_short = last - first < max(_MIN_MUSIC_S * FRAME_RATE, _MIN_MUSIC_SHARE * count)
    return (0, count) if is_too_short else (first, last)


def _left_out(evidence: Floats) -> int:
    """Return the number of frames at the start that are left out: those with the least sum of evidence."""
    total = np.concatenate([[0.0], np.cumsum(evidence)])
    least = int(total.argmin())
    return least if total[least] < -0.5 * _MIN_LEFT_OUT_S * FRAME_RATE else 0


def music_frames(onsets: Onsets, spectrum: Spectrum) -> Floats:
    """Return how much each frame is like music, (frames,), 0-1."""
    notes_or_rhythm = np.maximum(_notes(spectrum), _risen(_rhythm(onsets), _RHYTHM))
    return np.minimum(_risen(_contrast(spectrum), _CONTRAST), notes_or_rhythm) * audible_frames(spectrum)


def _risen(values: Floats, span: tuple[float, float]) -> Floats:
    return np.asarray(np.clip((values - span[0]) / (span[1] - span[0]), 0, 1))


def audible_frames(spectrum: Spectrum) -> Bools:
    """Return which frames are not much quieter than the recording's sound, (frames,)."""
    loudness = _mean(spectrum.loudness(), _LEVEL_WINDOW_S)
    sounding = loudness[loudness > 1e-3 * loudness.max()]
    return np.asarray(loudness > _MIN_LEVEL * np.median(sounding)) if len(sounding) else np.ones(len(loudness), bool)


def _contrast(spectrum: Spectrum) -> Floats:
    """Return how far the strongest pitch class stands out of the others, (frames,): near 0 for any noise."""
    classes = np.log(_mean(spectrum.chroma, _CHORD_WINDOW_S) / chroma_of_noise() + 1e-9)
    return _mean(classes.max(1) - np.median(classes, 1), _TONE_WINDOW_S)


def _notes(spectrum: Spectrum) -> Floats:
    """Return how much pitch classes are held for a moment and then change, (frames,), 0-1.

    A voice that talks does not hold them; noise of any colour, a hum or a tone does not change them.
    """
    classes = spectrum.chroma / chroma_of_noise()
    direction = unit(classes - classes.mean(1, keepdims=True))
    held = _resemblance(direction, _NOTE_S)
    change = held - np.min([_resemblance(direction, seconds) for seconds in _EARLIER_S], axis=0)
    return np.minimum(_risen(held, _HOLD), _risen(change, _CHANGE))


def _resemblance(direction: Floats, seconds: float) -> Floats:
    lag = round(seconds * FRAME_RATE)
    products = (direction[lag:] * direction[:-lag]).sum(1)
    return _mean(np.pad(products, (lag, 0))[: len(direction)], _TONE_WINDOW_S)


def _rhythm(onsets: Onsets) -> Floats:
    """Return how well the onsets around each frame repeat after all of the piece's usual times, (frames,), at most 1.

    A scratch repeats at each turn of a record, but at no other time.
    """
    flux = np.minimum(onsets.flux - _mean(onsets.flux, 1.0), _MAX_FLUX)
    power = _mean((flux**2).sum(1), _RHYTHM_WINDOW_S) + 0.05
    repeated = [_repeated(flux, int(lag)) / power for lag in _usual_lags(onsets)]
    return np.asarray(np.mean(repeated, axis=0)) if repeated else np.zeros(len(flux))


def _repeated(flux: Floats, lag: int) -> Floats:
    """Return the mean product of the flux with that of `lag` frames before, or one more or less, (frames,)."""
    shifts = (lag - 1, lag, lag + 1)
    products = (np.pad((flux[shift:] * flux[:-shift]).sum(1), (shift, 0)) for shift in shifts)
    return np.asarray(np.max([_mean(product, _RHYTHM_WINDOW_S) for product in products], axis=0))


def _usual_lags(onsets: Onsets) -> Ints:
    """Return the lags in frames after which the piece's onsets repeat best."""
    correlation = autocorrelation(onsets.strength, int(_MAX_LAG_S * FRAME_RATE))
    is_peak = (correlation[1:-1] >= correlation[:-2]) & (correlation[1:-1] > correlation[2:])
    peaks = np.flatnonzero(is_peak) + 1
    peaks = peaks[peaks >= _MIN_LAG_S * FRAME_RATE]
    return np.asarray(peaks[np.argsort(-correlation[peaks])[:_LAGS]])


def _mean(values: Floats, seconds: float) -> Floats:
    return moving_mean(values, round(seconds * FRAME_RATE))
