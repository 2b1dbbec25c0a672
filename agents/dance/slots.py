"""Cut the dance grid into slots of at most eight beats; one move is chosen for each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from agents.dance.dance_grid import DanceGrid

_EIGHT, _HALF = 8, 4


@dataclass(frozen=True)
class Slot:
    """A part of the song that is danced to one eight of a clip.

    `times`: its beats and its end, seconds. `eight_offset`: the beat of the eight it begins on, 0-7. `phrase_offset`:
    beats since the start of its phrase, above 0 only for the later parts of a phrase of more than eight beats.
    `last_share`: length of its last interval in beats, above 0, at most 1. `phrase`: index of the phrase with its
    candidates. `before`, `after`: fewer than four beats at an end of the dance, which belong to the first and the last
    slot: times before the slot's first beat, and after its end; `after_share`: length of the last of them in beats.
    `surplus`: beats of the song between `times`, on which the couple holds the beat before.
    """

    times: tuple[float, ...]
    eight_offset: int
    phrase_offset: int
    last_share: float
    phrase: int
    before: tuple[float, ...] = ()
    after: tuple[float, ...] = ()
    after_share: float = 1.0
    surplus: tuple[float, ...] = ()

    @property
    def beats(self) -> int:
        """Return its length in beats, a partial one included."""
        return len(self.times) - 1

    @property
    def held(self) -> tuple[tuple[float, float], ...]:
        """Return from when to when the couple holds a beat for longer than a beat."""
        between = (
            (after, [time for time in self.surplus if before < time < after]) for before, after in pairwise(self.times)
        )
        return tuple((inside[0], end) for end, inside in between if inside)


class Starting(Protocol):
    """A phrase of the song."""

    @property
    def start_beat(self) -> int:
        """Return the index of its first beat."""


def cut_slots(grid: DanceGrid, phrases: Sequence[Starting]) -> tuple[Slot, ...]:
    """Return slots that cover the grid: cut on every count 1, and longer phrases also after at most eight beats."""
    last = len(grid.times) - 1
    edges = sorted({0, last} | {index for index in range(1, last) if grid.counts[index] == 1})
    starts = [phrase.start_beat for phrase in phrases]
    slots = [slot for start, end in pairwise(edges) for slot in _parts(grid, start, end, starts)]
    return tuple(_without_fragments(slots))


def _without_fragments(slots: list[Slot]) -> list[Slot]:
    """Return the slots, fewer than four beats at either end joined with the slot beside them."""
    if len(slots) > 1 and slots[0].beats < _HALF and not slots[1].phrase_offset:
        first, *slots = slots
        slots[0] = replace(slots[0], before=first.times[:-1])
    if len(slots) > 1 and slots[-1].beats < _HALF:
        *slots, last = slots
        slots[-1] = replace(slots[-1], after=last.times[1:], after_share=last.last_share)
    return slots


def _parts(grid: DanceGrid, start: int, end: int, phrase_starts: list[int]) -> Iterator[Slot]:
    phrase = max(0, bisect_right(phrase_starts, grid.number(start)) - 1)
    at = start
    for beats in _sizes(end - start):
        yield Slot(
            times=grid.times[at : at + beats + 1],
            eight_offset=_eight_offset(grid.counts[start], beats, at - start),
            phrase_offset=at - start,
            last_share=grid.last_share if at + beats == len(grid.times) - 1 else 1.0,
            phrase=phrase,
            surplus=grid.surplus_between(at, at + beats),
        )
        at += beats


def _sizes(beats: int) -> Iterator[int]:
    """Yield sizes of eight, and what remains."""
    while beats > _EIGHT:
        yield _EIGHT
        beats -= _EIGHT
    yield beats


def _eight_offset(first_count: int, beats: int, phrase_offset: int) -> int:
    """Return the beat of the eight that matches the song's count, or the last one with enough beats after it."""
    return min((first_count - 1 + phrase_offset) % _EIGHT, _EIGHT - beats)
