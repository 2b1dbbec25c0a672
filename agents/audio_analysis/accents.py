"""Find the accents of a song: the hits with which its breaks begin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.arrays import Floats
from agents.audio_analysis.meter import beat_means
from agents.audio_analysis.spectrum import Spectrum
from schemas.audio_analyzed import Accent, Section

_BEATS_BEFORE, _BEATS_AFTER = 8, 5
_MIN_DROP = 0.6  # of the loudness to the quietest of the beats after a hit, in powers of ten
_MAX_BELOW = 0.15  # the usual loudness of the beats before, the same
_NEXT_DROP = 0.1  # to the next beat
_QUIET = 1e-6
_BREAK_STRENGTH = 0.3  # of a break in which the music goes on


def accents_of(
    frames: Floats, seconds: Sequence[float], counts: Sequence[int], sections: Sequence[Section], spectrum: Spectrum
) -> tuple[Accent, ...]:
    """Return the accents in order, each on a beat with count 1 or 5.

    `frames`, `seconds`, `counts`: of the beats, in the spectrum and in the recording. A hit is a beat as loud as those
    before it, after which the loudness falls to a quarter within five beats, or the first beat of a break.
    """
    loudness = np.log10(beat_means(frames, spectrum.loudness()[:, None])[:, 0] + _QUIET)
    strengths = {_bar_start(beat, counts): min(1.0, drop / 2) for beat, drop in _stops(loudness)}
    starts = [section.start_s for section in sections[1:] if section.label == "break"]
    for start in starts:
        beat = int(np.argmin(np.abs(np.asarray(seconds) - start)))
        if not any(abs(beat - other) < _BEATS_AFTER for other in strengths):
            strengths[beat] = _BREAK_STRENGTH
    return tuple(
        Accent(time_s=seconds[beat], strength=round(strength, 3)) for beat, strength in sorted(strengths.items())
    )


def _stops(loudness: Floats) -> list[tuple[int, float]]:
    """Return the beats after which the loudness falls, and by how much."""
    found: list[tuple[int, float]] = []
    for beat in range(1, len(loudness) - 1):
        before = loudness[max(0, beat - _BEATS_BEFORE) : beat]
        after = loudness[beat + 1 : beat + 1 + _BEATS_AFTER]
        drop = float(loudness[beat] - after.min())
        is_hit = loudness[beat] >= np.median(before) - _MAX_BELOW and loudness[beat] - after[0] >= _NEXT_DROP
        if is_hit and drop >= _MIN_DROP and not (found and beat - found[-1][0] < _BEATS_AFTER):
            found.append((beat, drop))
    return found


def _bar_start(beat: int, counts: Sequence[int]) -> int:
    """Return the beat with count 1 or 5 that is nearest, the earlier of two, or the beat itself where none is near."""
    near = [other for other in (beat, beat - 1, beat + 1, beat - 2, beat + 2) if 0 <= other < len(counts)]
    return next((other for other in near if counts[other] in {1, 5}), beat)
