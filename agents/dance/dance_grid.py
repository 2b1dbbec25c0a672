"""The beats to dance to: a grid that covers the requested part of a song without a gap."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from schemas.audio_analyzed import AudioAnalysis
from schemas.base import DanceOptions
from schemas.faults import Poison

_EXCERPT_S: Final = {"30s": 30.0, "1min": 60.0}
_PERIOD_INTERVALS = 8  # at either end of the song, to estimate the beat period there
_MIN_BEAT_SHARE = 0.05  # of a period: less is shorter than a frame and does not become a beat
_MIN_SLOT_SHARE = 0.25  # of a period: no new move begins for less
_EIGHT = 8
_MAX_HELD = 3  # surplus beats in a row


@dataclass(frozen=True)
class DanceGrid:
    """Beat times in seconds, increasing, with their counts 1-8; the last is the end of the dance.

    `first` is the first beat's index in the analysis, negative for beats before those it found. `last_share` is the
    length of the last interval in beats, above 0, at most 1. `surplus`: times of beats of the song between these, on
    which the couple holds the beat before.
    """

    times: tuple[float, ...]
    counts: tuple[int, ...]
    first: int = 0
    last_share: float = 1.0
    surplus: tuple[float, ...] = ()

    def number(self, index: int) -> int:
        """Return the index in the analysis of one of these beats."""
        first, last = (bisect_left(self.surplus, time) for time in (self.times[0], self.times[index]))
        return self.first + index + last - first

    def surplus_between(self, start: int, end: int) -> tuple[float, ...]:
        """Return the surplus beats between two of these beats."""
        first = bisect_right(self.surplus, self.times[start])
        return self.surplus[first : bisect_left(self.surplus, self.times[end])]


def dance_grid_of(analysis: AudioAnalysis, options: DanceOptions) -> DanceGrid:
    """Return the grid over the whole music, or from its first count 1 to the end of the phrase near a length.

    The music is the song from 0.0 to its end, or the part of it that the analysis found, then in whole beats.
    Raises: `Poison` (`no_beats`) for a song with fewer than two beats.
    """
    return _without_surplus(_whole_grid(analysis, options))


def _whole_grid(analysis: AudioAnalysis, options: DanceOptions) -> DanceGrid:
    to_the_end = _forward(analysis)
    if options.length_s is not None:
        return _excerpt(to_the_end, options.length_s)
    if options.duration == "full":
        return _backward(to_the_end, analysis.music_start_s)
    return _excerpt(to_the_end, _EXCERPT_S[options.duration])


def _forward(analysis: AudioAnalysis) -> DanceGrid:
    end_s = analysis.duration_s if analysis.music_end_s is None else analysis.music_end_s
    times = [beat for beat in analysis.beats if beat < end_s]
    if len(times) < 2:
        raise Poison("no beats were found in this song: there is nothing to dance to", reason="no_beats")
    counts = list(analysis.counts[: len(times)])
    period = _period(times[-_PERIOD_INTERVALS - 1 :])
    last, step = times[-1], 1
    while last + step * period < end_s:
        times.append(last + step * period)
        counts.append(counts[-1] % 8 + 1)
        step += 1
    if analysis.music_end_s is not None:
        return DanceGrid(tuple(times), tuple(counts))
    return _ended(times, counts, end_s, period)


def _ended(times: list[float], counts: list[int], end_s: float, period: float) -> DanceGrid:
    share = (end_s - times[-1]) / period
    if share < _MIN_BEAT_SHARE or (share < _MIN_SLOT_SHARE and counts[-1] == 1):
        return DanceGrid((*times[:-1], end_s), tuple(counts))
    return DanceGrid((*times, end_s), (*counts, counts[-1] % 8 + 1), last_share=min(1.0, share))


def _backward(grid: DanceGrid, start_s: float) -> DanceGrid:
    """Extend the grid back to the start of the music by whole beats.

    Where it starts at 0.0, the rest before the first whole beat becomes a short beat, or joins the next one.
    """
    first_s, period = grid.times[0], _period(grid.times[: _PERIOD_INTERVALS + 1])
    before = max(0, int((first_s - start_s) / period))
    times = [first_s - step * period for step in range(before, 0, -1)] + list(grid.times)
    if not start_s:
        times, before = _from_zero(times, before, period)
    counts = [(grid.counts[0] - 1 - step) % 8 + 1 for step in range(before, 0, -1)]
    return DanceGrid(tuple(times), (*counts, *grid.counts), -before, grid.last_share)


def _from_zero(times: list[float], before: int, period: float) -> tuple[list[float], int]:
    """Return the beats with one at 0.0, and the number of those before the grid's."""
    if times[0] >= period / 2:
        return [0.0, *times], before + 1
    return [0.0, *times[1:]], before


def _excerpt(grid: DanceGrid, length_s: float) -> DanceGrid:
    last = len(grid.times) - 1
    start = grid.counts.index(1) if 1 in grid.counts[:last] else 0
    target = grid.times[start] + length_s
    ends = [index for index in range(start + 1, last) if grid.counts[index] == 1]
    end = min([*ends, last], key=lambda index: abs(grid.times[index] - target))
    share = grid.last_share if end == last else 1.0
    return DanceGrid(grid.times[start : end + 1], grid.counts[start : end + 1], start, share)


def _without_surplus(grid: DanceGrid) -> DanceGrid:
    """Return the grid without its surplus beats, so that an eight of a clip has the counts of a longer phrase too."""
    last = len(grid.times) - 1
    edges = [0, *(index for index in range(1, last) if grid.counts[index] == 1), last]
    surplus = {index for start, end in pairwise(edges) for index in _surplus_of(grid.counts, start, end)}
    danced = [index for index in range(last + 1) if index not in surplus]
    return DanceGrid(
        times=tuple(grid.times[index] for index in danced),
        counts=tuple(grid.counts[index] for index in danced),
        first=grid.first,
        last_share=1.0 if last - 1 in surplus else grid.last_share,
        surplus=tuple(grid.times[index] for index in sorted(surplus)),
    )


def _surplus_of(counts: Sequence[int], start: int, end: int) -> list[int]:
    """Return the surplus beats of a phrase: those that repeat the count before, and up to three after its eights.

    Where that would be more in a row, the counts say nothing, and it is only those after its eights.
    """
    repeated = [index for index in range(start + 1, end) if counts[index] == counts[index - 1]]
    danced = [index for index in range(start, end) if index not in repeated]
    surplus = sorted([*repeated, *_after_eights(danced)])
    if any(after - before == _MAX_HELD for before, after in zip(surplus, surplus[_MAX_HELD:], strict=False)):
        return list(_after_eights(range(start, end)))
    return surplus


def _after_eights(beats: Sequence[int]) -> Sequence[int]:
    rest = len(beats) % _EIGHT
    return beats[-rest:] if len(beats) > _EIGHT and 0 < rest <= _MAX_HELD else ()


def _period(times: list[float] | tuple[float, ...]) -> float:
    return median(after - before for before, after in pairwise(times))
