"""The beats that are danced to: an analysis and the asked length in, a grid that covers it without a gap out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final, Literal

from schemas.audio_analyzed import AudioAnalysis
from schemas.faults import Poison

_ASKED_S: Final = {"30s": 30.0, "1min": 60.0}
_LOCAL = 8  # intervals that tell the period at an end of the song
_SLIVER = 0.05  # of a period: less than a frame is no beat of its own
_NO_CUT_FOR = 0.25  # of a period: no new move is begun for so little


@dataclass(frozen=True)
class DanceGrid:
    """Beat times in seconds, increasing, with their counts 1-8; the last is where the dance ends.

    `first` is the index in the analysis of the first beat, below 0 for beats before those it found. `last_share` is how
    much of a beat the last interval is, above 0 and at most 1.
    """

    times: tuple[float, ...]
    counts: tuple[int, ...]
    first: int = 0
    last_share: float = 1.0


def dance_grid_of(analysis: AudioAnalysis, duration: Literal["30s", "1min", "full"]) -> DanceGrid:
    """The grid from 0.0 to the song's end, or from the first count 1 to the beat nearest to the length asked for.

    Raises `Poison` for a song with fewer than two beats.
    """
    to_the_end = _forward(analysis)
    if duration == "full":
        return _backward(to_the_end)
    return _excerpt(to_the_end, _ASKED_S[duration])


def _forward(analysis: AudioAnalysis) -> DanceGrid:
    times = [beat for beat in analysis.beats if beat < analysis.duration_s]
    if len(times) < 2:
        raise Poison("no beats were found in this song: there is nothing to dance to", reason="no_beats")
    counts = list(analysis.counts[: len(times)])
    period = _period(times[-_LOCAL - 1 :])
    last, step = times[-1], 1
    while last + step * period < analysis.duration_s:
        times.append(last + step * period)
        counts.append(counts[-1] % 8 + 1)
        step += 1
    return _ended(times, counts, analysis.duration_s, period)


def _ended(times: list[float], counts: list[int], end_s: float, period: float) -> DanceGrid:
    share = (end_s - times[-1]) / period
    if share < _SLIVER or (share < _NO_CUT_FOR and counts[-1] == 1):
        return DanceGrid((*times[:-1], end_s), tuple(counts))
    return DanceGrid((*times, end_s), (*counts, counts[-1] % 8 + 1), last_share=min(1.0, share))


def _backward(grid: DanceGrid) -> DanceGrid:
    """The grid begun at 0.0: what is left before its first whole beat is a short beat, or joins the next one."""
    first_s, period = grid.times[0], _period(grid.times[: _LOCAL + 1])
    before = int(first_s / period)
    times = [first_s - step * period for step in range(before, 0, -1)] + list(grid.times)
    if times[0] >= period / 2:
        times, before = [0.0, *times], before + 1
    else:
        times[0] = 0.0
    counts = [(grid.counts[0] - 1 - step) % 8 + 1 for step in range(before, 0, -1)]
    return DanceGrid(tuple(times), (*counts, *grid.counts), -before, grid.last_share)


def _excerpt(grid: DanceGrid, asked_s: float) -> DanceGrid:
    last = len(grid.times) - 1
    start = grid.counts.index(1) if 1 in grid.counts[:last] else 0
    target = grid.times[start] + asked_s
    end = min(range(start + 1, last + 1), key=lambda index: abs(grid.times[index] - target))
    share = grid.last_share if end == last else 1.0
    return DanceGrid(grid.times[start : end + 1], grid.counts[start : end + 1], start, share)


def _period(times: list[float] | tuple[float, ...]) -> float:
    return median(after - before for before, after in pairwise(times))
