"""Bars go in; where one part of the song ends and the next begins comes out, and what the band plays in each."""

from __future__ import annotations

from typing import Literal

import numpy as np

from agents.arrays import Floats, Ints
from agents.audio_analysis.bars import Bars
from agents.audio_analysis.meter import chord_changes

Rhythm = Literal["derecho", "majao", "mambo", "none"]
Label = Literal["intro", "verse", "chorus", "mambo", "break", "outro"]

_LONGEST = 32
_BREAK_BARS = 4
_NO_PERCUSSION = 0.42
_LABELS: dict[Rhythm, Label] = {"derecho": "verse", "majao": "chorus", "mambo": "mambo", "none": "verse"}


def split(bars: Bars) -> list[int]:
    """The first bar of each section, beginning with 0.

    The partition of least cost: each section's spread in a Gaussian kernel (kernel change-point detection, Arlot,
    Celisse & Harchaoui, JMLR 2019) and a price by its length, in which eights come whole; chord changes are a
    little cheaper where a section counts 1, and the percussion seldom comes or goes within one. An odd section
    therefore moves the 1, as a four-count break does.
    """
    count = len(bars.first)
    spread, harmony, stops = _Spreads(bars.features), _Harmony(bars), _Stops(bars)
    best, origin = np.full(count + 1, np.inf), np.zeros(count + 1, np.int64)
    best[0] = 0.0
    for end in range(1, count + 1):
        start = np.arange(max(0, end - _LONGEST), end)
        price = _prices(end - start) if end < count else 1.0
        cost = best[start] + spread.of(start, end) + price - harmony.of(start, end) + stops.within(start, end)
        origin[end] = start[cost.argmin()]
        best[end] = cost.min()
    return _walk_back(origin)


def rhythms(bars: Bars, starts: list[int]) -> list[Rhythm]:
    """What the güira plays in each section: eighths, quarters, or quarters with a gallop; none where it is silent."""
    return [
        "none" if bars.percussion[a:b].mean() < _NO_PERCUSSION else _rhythm(bars.pattern[a:b, :, 4].mean(0))
        for a, b in section_spans(bars, starts)
    ]


def labels(bars: Bars, starts: list[int], played: list[Rhythm]) -> list[Label]:
    """The part each section is: by its rhythm, and without percussion by its place and length."""
    lengths = [b - a for a, b in section_spans(bars, starts)]
    found = [_label(rhythm, length) for rhythm, length in zip(played, lengths, strict=True)]
    found[: _leading(played)] = ["intro"] * _leading(played)
    if _trailing(played, lengths):
        found[-_trailing(played, lengths) :] = ["outro"] * _trailing(played, lengths)
    return found


def _label(rhythm: Rhythm, length: int) -> Label:
    return "break" if rhythm == "none" and length <= _BREAK_BARS else _LABELS[rhythm]


def _leading(played: list[Rhythm]) -> int:
    """Sections of the intro: all before the percussion, else the first where the next goes on with its rhythm."""
    silent = next((n for n, rhythm in enumerate(played) if rhythm != "none"), 0)
    return silent or int(len(played) > 2 and played[0] == played[1])


def _trailing(played: list[Rhythm], lengths: list[int]) -> int:
    """Sections of the outro: all after the percussion, else the last where it is short."""
    silent = next((n for n, rhythm in enumerate(reversed(played)) if rhythm != "none"), 0)
    return silent or int(len(played) > 2 and lengths[-1] <= _BREAK_BARS)


def _rhythm(sixteenths: Floats) -> Rhythm:
    on, off, gallop = (float(sixteenths[k::4].mean()) for k in (0, 2, 3))
    if gallop > 0.36 * on:
        return "mambo"
    return "derecho" if off > 0.58 * on else "majao"


def section_spans(bars: Bars, starts: list[int]) -> list[tuple[int, int]]:
    """The first bar of each section, and of the next."""
    return list(zip(starts, [*starts[1:], len(bars.first)], strict=True))


def _prices(lengths: Ints) -> Floats:
    """In bars: fours are usual, a single bar is a break of four counts, other odd lengths are rare."""
    odd = np.where(lengths == 1, 1.5, 2.0)
    return np.where(np.isin(lengths, (4, 8, 12, 16)), 1.0, np.where(lengths % 2 == 0, 1.15, odd))


class _Spreads:
    """n - sum(K) / n of the n bars from start to end, K being exp(-squared distance / its median)."""

    def __init__(self, features: Floats) -> None:
        norms = (features**2).sum(1)
        apart = np.maximum(norms[:, None] + norms[None] - 2 * features @ features.T, 0)
        kernel = np.exp(-apart / (np.median(apart) + 1e-9))
        self._total = np.pad(kernel.cumsum(0).cumsum(1), ((1, 0), (1, 0)))

    def of(self, start: Ints, end: int) -> Floats:
        total = self._total
        alike = total[end, end] - 2 * total[start, end] + total[start, start]
        return np.asarray((end - start) - alike / (end - start))


class _Harmony:
    """How much more the chords change on a section's odd bars, which count 1, than on its even bars, which count 5."""

    def __init__(self, bars: Bars) -> None:
        change = chord_changes(bars.chroma, 1)
        change = 0.05 * (change - change.mean()) / (change.std() + 1e-9)
        self._sign = np.where(np.arange(len(change)) % 2 == 0, 1, -1)
        self._total = np.concatenate([[0.0], np.cumsum(change * self._sign)])

    def of(self, start: Ints, end: int) -> Floats:
        return np.asarray(self._sign[start] * (self._total[end] - self._total[start]))


class _Stops:
    """What it costs that the percussion comes or goes within a section: 0.5 for a change by the factor e^0.8."""

    def __init__(self, bars: Bars) -> None:
        share = np.log(np.maximum(bars.percussion, 0) + 0.1)
        change = np.abs(np.diff(share, prepend=share[:1]))
        self._total = np.cumsum(0.5 * np.clip((change - 0.4) / 0.4, 0, 1))

    def within(self, start: Ints, end: int) -> Floats:
        return np.asarray(self._total[end - 1] - self._total[start])


def _walk_back(origin: Ints) -> list[int]:
    starts = [int(origin[-1])]
    while starts[-1] > 0:
        starts.append(int(origin[starts[-1]]))
    return starts[::-1]
