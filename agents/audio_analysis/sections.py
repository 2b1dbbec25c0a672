"""Split a song into sections, and find each section's rhythm and label."""

from __future__ import annotations

import numpy as np

from agents.arrays import Floats, Ints
from agents.audio_analysis.bars import Bars
from agents.audio_analysis.meter import chord_changes
from schemas.dance_names import SectionLabel, SectionRhythm

_MAX_SECTION_BARS = 32
_MAX_BREAK_BARS = 4
_MIN_PERCUSSION = 0.42  # mean of `Bars.percussion`
_MIN_GALLOP = 0.36  # mambo: strokes on the last sixteenth of a beat, relative to those on the beat
_MIN_EIGHTHS = 0.58  # derecho: strokes on the half beat, relative to those on the beat
_LABELS: dict[SectionRhythm, SectionLabel] = {"derecho": "verse", "majao": "chorus", "mambo": "mambo", "none": "verse"}


def section_starts(bars: Bars) -> list[int]:
    """Return the first bar of each section; the first is 0.

    The partition of least cost. A section costs its spread in a Gaussian kernel (kernel change-point detection, Arlot,
    Celisse & Harchaoui, JMLR 2019) and an amount by its length, lower for whole eights; chord changes where it counts
    1 lower the cost a little, and changes of the percussion within it raise it. A section with an odd number of bars
    therefore moves the 1, as a break of four counts does.
    """
    count = len(bars.first_beats)
    spread, chords, percussion = _WithinSpread(bars.features), _ChordChanges(bars), _PercussionChanges(bars)
    best, previous = np.full(count + 1, np.inf), np.zeros(count + 1, np.int64)
    best[0] = 0.0
    for end in range(1, count + 1):
        start = np.arange(max(0, end - _MAX_SECTION_BARS), end)
        length_cost = _length_costs(end - start) if end < count else 1.0
        cost = best[start] + spread.of(start, end) + length_cost - chords.of(start, end) + percussion.of(start, end)
        previous[end] = start[cost.argmin()]
        best[end] = cost.min()
    return _backtrack(previous)


def rhythms(bars: Bars, starts: list[int]) -> list[SectionRhythm]:
    """Return the rhythm of each section.

    The güira plays eighths (derecho), quarters (majao) or quarters with a gallop (mambo); none where it is silent.
    """
    return [
        "none" if bars.percussion[a:b].mean() < _MIN_PERCUSSION else _rhythm(bars.pattern[a:b, :, 4].mean(0))
        for a, b in section_spans(bars, starts)
    ]


def labels(bars: Bars, starts: list[int], played: list[SectionRhythm]) -> list[SectionLabel]:
    """Return the label of each section: by its rhythm, and without percussion by its position and length."""
    lengths = [b - a for a, b in section_spans(bars, starts)]
    result = [_label(rhythm, length) for rhythm, length in zip(played, lengths, strict=True)]
    result[: _intro_sections(played)] = ["intro"] * _intro_sections(played)
    if _outro_sections(played, lengths):
        result[-_outro_sections(played, lengths) :] = ["outro"] * _outro_sections(played, lengths)
    return result


def _label(rhythm: SectionRhythm, length: int) -> SectionLabel:
    return "break" if rhythm == "none" and length <= _MAX_BREAK_BARS else _LABELS[rhythm]


def _intro_sections(played: list[SectionRhythm]) -> int:
    """Return the number of intro sections: all before the percussion, else the first if the second has its rhythm."""
    silent = next((n for n, rhythm in enumerate(played) if rhythm != "none"), 0)
    return silent or int(len(played) > 2 and played[0] == played[1])


def _outro_sections(played: list[SectionRhythm], lengths: list[int]) -> int:
    """Return the number of outro sections: all after the percussion, else the last if it is short."""
    silent = next((n for n, rhythm in enumerate(reversed(played)) if rhythm != "none"), 0)
    return silent or int(len(played) > 2 and lengths[-1] <= _MAX_BREAK_BARS)


def _rhythm(sixteenths: Floats) -> SectionRhythm:
    on, off, gallop = (float(sixteenths[k::4].mean()) for k in (0, 2, 3))
    if gallop > _MIN_GALLOP * on:
        return "mambo"
    return "derecho" if off > _MIN_EIGHTHS * on else "majao"


def section_spans(bars: Bars, starts: list[int]) -> list[tuple[int, int]]:
    """Return the first bar of each section, and that of the next."""
    return list(zip(starts, [*starts[1:], len(bars.first_beats)], strict=True))


def _length_costs(lengths: Ints) -> Floats:
    """Return the costs of lengths in bars: fours are usual, 1 is a break of four counts, other odd ones are rare."""
    odd = np.where(lengths == 1, 1.5, 2.0)
    return np.where(np.isin(lengths, (4, 8, 12, 16)), 1.0, np.where(lengths % 2 == 0, 1.15, odd))


class _WithinSpread:
    """Spread of the n bars from start to end: n - sum(K) / n, K being exp(-squared distance / its median)."""

    def __init__(self, features: Floats) -> None:
        norms = (features**2).sum(1)
        distances = np.maximum(norms[:, None] + norms[None] - 2 * features @ features.T, 0)
        kernel = np.exp(-distances / (np.median(distances) + 1e-9))
        self._total = np.pad(kernel.cumsum(0).cumsum(1), ((1, 0), (1, 0)))

    def of(self, start: Ints, end: int) -> Floats:
        total = self._total
        similarity = total[end, end] - 2 * total[start, end] + total[start, start]
        return np.asarray((end - start) - similarity / (end - start))


class _ChordChanges:
    """Chord changes on a section's bars that count 1 (the first, third, …) minus those on the bars that count 5."""

    def __init__(self, bars: Bars) -> None:
        change = chord_changes(bars.chroma, 1)
        change = 0.05 * (change - change.mean()) / (change.std() + 1e-9)
        self._sign = np.where(np.arange(len(change)) % 2 == 0, 1, -1)
        self._total = np.concatenate([[0.0], np.cumsum(change * self._sign)])

    def of(self, start: Ints, end: int) -> Floats:
        return np.asarray(self._sign[start] * (self._total[end] - self._total[start]))


class _PercussionChanges:
    """Cost of percussion that starts or stops within a section: 0.5 for each change by a factor of e^0.8 or more."""

    def __init__(self, bars: Bars) -> None:
        level = np.log(np.maximum(bars.percussion, 0) + 0.1)
        change = np.abs(np.diff(level, prepend=level[:1]))
        self._total = np.cumsum(0.5 * np.clip((change - 0.4) / 0.4, 0, 1))

    def of(self, start: Ints, end: int) -> Floats:
        return np.asarray(self._total[end - 1] - self._total[start])


def _backtrack(previous: Ints) -> list[int]:
    starts = [int(previous[-1])]
    while starts[-1] > 0:
        starts.append(int(previous[starts[-1]]))
    return starts[::-1]
