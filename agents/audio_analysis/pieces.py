"""Find the pieces of music in a recording in which people also talk, or in which it is quiet for a while."""

from __future__ import annotations

import numpy as np

from agents.arrays import Bools, Floats
from agents.audio_analysis.music_span import audible_frames, music_frames
from agents.audio_analysis.onsets import Onsets, moving_mean
from agents.audio_analysis.spectrum import FRAME_RATE, Spectrum
from agents.viterbi import most_likely_runs

_BLOCK = 10  # frames, 0.1 s
# Within music the measure falls to 0 for a second where a chord is held or a voice is alone; in talk it stays near 0.
_SMOOTHED_S, _LEAST = 3.0, 0.25
_CHANGE_S = 1.0  # of clear evidence that a change costs: a pause of less is part of the music
_MAX_EXTENSION_S = 1.5  # at an end: the tones of a moment tell music from talk, so its first and last second are unsure
_MIN_PIECE_S = 4.0  # eight beats at 120 BPM


def piece_spans(onsets: Onsets, spectrum: Spectrum) -> list[tuple[int, int]]:
    """Return the first frame of each piece of music and the one after its last, in order.

    The most likely sequence of music and no music, where each change has a cost; then each end is moved to where the
    sound begins or ends, if that is near.
    """
    evidence = _by_block(_evidence(onsets, spectrum))
    cost = 0.5 * _CHANGE_S * FRAME_RATE
    count = len(spectrum.mel)
    spans = [(first * _BLOCK, min(last * _BLOCK, count)) for first, last in most_likely_runs(evidence, cost)]
    extended = _extended(spans, audible_frames(spectrum))
    return [(first, last) for first, last in extended if last - first >= _MIN_PIECE_S * FRAME_RATE]


def _evidence(onsets: Onsets, spectrum: Spectrum) -> Floats:
    """Return the evidence of each frame for music, (frames,), -0.5 to 0.5."""
    smooth = moving_mean(music_frames(onsets, spectrum), round(_SMOOTHED_S * FRAME_RATE))
    return np.where(audible_frames(spectrum), np.clip((smooth - _LEAST) / (2 * _LEAST), -0.5, 0.5), -0.5)


def _by_block(values: Floats) -> Floats:
    """Return the sum of each ten values."""
    return np.asarray(np.add.reduceat(values, np.arange(0, len(values), _BLOCK)))


def _extended(spans: list[tuple[int, int]], audible: Bools) -> list[tuple[int, int]]:
    """Return the spans, each longer by the sound right before and after it, which no other span has."""
    limits = [0, *(edge for span in spans for edge in span), len(audible)]
    return [
        (first - _sound_before(audible[limits[2 * n] : first]), last + _sound_after(audible[last : limits[2 * n + 3]]))
        for n, (first, last) in enumerate(spans)
    ]


def _sound_after(audible: Bools) -> int:
    """Return the number of frames with sound at the start, at most 1.5 s of them."""
    part = audible[: round(_MAX_EXTENSION_S * FRAME_RATE)]
    return len(part) if part.all() else int(part.argmin())


def _sound_before(audible: Bools) -> int:
    return _sound_after(audible[::-1])
