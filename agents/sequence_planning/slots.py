"""What a move is chosen for: the grid and the scored phrases in, slots of at most eight beats out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from agents.sequence_planning.dance_grid import DanceGrid
from schemas.moves_scored import Phrase

_EIGHT, _HALF = 8, 4


@dataclass(frozen=True)
class Slot:
    """A stretch of the song that is danced by one eight of a clip.

    `times`: its beats and its end, seconds. `count`: which of an eight's counts it begins on, less 1. `into`: beats
    since its phrase began, above 0 only for the later parts of a phrase of more than eight beats. `last_share`: how
    much of a beat its last interval is. `phrase`: whose candidates it takes.
    """

    times: tuple[float, ...]
    count: int
    into: int
    last_share: float
    phrase: int

    @property
    def beats(self) -> int:
        """How many beats it lasts, a partial one included."""
        return len(self.times) - 1


def cut_slots(grid: DanceGrid, phrases: tuple[Phrase, ...]) -> tuple[Slot, ...]:
    """Slots that cover the grid: cut on every count 1, and a phrase of more than eight beats also within."""
    last = len(grid.times) - 1
    edges = sorted({0, last} | {index for index in range(1, last) if grid.counts[index] == 1})
    starts = [phrase.start_beat for phrase in phrases]
    return tuple(slot for start, end in pairwise(edges) for slot in _parts(grid, start, end, starts))


def _parts(grid: DanceGrid, start: int, end: int, phrase_starts: list[int]) -> Iterator[Slot]:
    phrase = max(0, bisect_right(phrase_starts, grid.first + start) - 1)
    at = start
    for beats in _sizes(end - start):
        yield Slot(
            times=grid.times[at : at + beats + 1],
            count=_count(grid.counts[start], beats, at - start),
            into=at - start,
            last_share=grid.last_share if at + beats == len(grid.times) - 1 else 1.0,
            phrase=phrase,
        )
        at += beats


def _sizes(beats: int) -> Iterator[int]:
    """Eight by eight; a rest of fewer than four is not left alone, the cut falls on the count 5 before it."""
    while beats > _EIGHT:
        size = _EIGHT if beats - _EIGHT >= _HALF else _HALF
        yield size
        beats -= size
    yield beats


def _count(first_count: int, beats: int, into: int) -> int:
    """The song's count falls on the clip's, as far as the eight has beats enough left."""
    return min((first_count - 1 + into) % _EIGHT, _EIGHT - beats)
