"""The slots of a dance by the beats of its song, cut where its rows begin."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from agents.dance.changes import MIN_PART_BEATS
from agents.dance.dance_grid import DanceGrid, dance_grid_of
from agents.dance.slots import Slot, cut_slots
from agents.playable import EIGHT
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import DanceOptions

ON_BEAT_S = 0.02  # half a picture at 25 frames per second: no further from a beat is on it


def song_grid(analysis: AudioAnalysis, options: DanceOptions) -> DanceGrid:
    """Return all beats of the song: those to dance to by the options, and those before and after them."""
    everything = options.model_copy(update={"duration": "full", "length_s": None})
    asked, whole = dance_grid_of(analysis, options), dance_grid_of(analysis, everything)
    before = bisect_left(whole.times, asked.times[0] - ON_BEAT_S / 2)
    after = bisect_left(whole.times, asked.times[-1] + ON_BEAT_S / 2)
    goes_on = after < len(whole.times)
    return DanceGrid(
        times=(*whole.times[:before], *asked.times, *whole.times[after:]),
        counts=(*whole.counts[:before], *asked.counts, *whole.counts[after:]),
        first=whole.first if before else asked.first,
        last_share=whole.last_share if goes_on else asked.last_share,
        surplus=tuple(sorted({*whole.surplus, *asked.surplus})),
    )


@dataclass(frozen=True)
class Piece:
    """A slot by indices of a grid's beats: from `start` over `first` and `end` to `last`, of which its own lie between.

    Before `first` and after `end` are the fragments at the ends of a dance. Other fields: as of `Slot`.
    """

    start: int
    first: int
    end: int
    last: int
    eight_offset: int
    phrase_offset: int
    phrase: int

    def __len__(self) -> int:
        """Return how many beats of its own it has."""
        return self.end - self.first

    def slot(self, grid: DanceGrid, moved: Mapping[int, float]) -> Slot:
        """Return the slot. `moved`: times that are on no beat, by index."""
        times = {index: moved.get(index, grid.times[index]) for index in range(self.start, self.last + 1)}
        share = grid.last_share if self.last == len(grid.times) - 1 else 1.0
        return Slot(
            times=tuple(times[index] for index in range(self.first, self.end + 1)),
            eight_offset=self.eight_offset,
            phrase_offset=self.phrase_offset,
            last_share=share if self.last == self.end else 1.0,
            phrase=self.phrase,
            before=tuple(times[index] for index in range(self.start, self.first)),
            after=tuple(times[index] for index in range(self.end + 1, self.last + 1)),
            after_share=share if self.last > self.end else 1.0,
            surplus=grid.surplus_between(self.first, self.end),
        )

    def counts(self, grid: DanceGrid) -> str:
        """Return its counts, such as 1-8."""
        counts = grid.counts[self.first : self.end]
        return f"{counts[0]}-{counts[-1]}" if len(counts) > 1 else f"{counts[0]}"

    def beside(self, moved: Mapping[int, float], is_last: bool) -> int:
        """Return how many of its beats are on no beat of the song. `moved`: as of `slot`."""
        return sum(self.start <= index < self.last + is_last for index in moved)


def pieces_between(grid: DanceGrid, edges: Sequence[int], start: int | None = None) -> list[Piece]:
    """Return the slots between the first and the last edge, none across an edge.

    `start`: where the dance begins, if before the first edge. Fewer than four beats at either end are joined with the
    slot beside them, as those of a plan are, if there is no edge between.
    """
    begin = edges[0] if start is None else start
    inside = slice(begin, edges[-1] + 1)
    danced = replace(grid, times=grid.times[inside], counts=grid.counts[inside], first=grid.number(begin))
    whole = list(_unjoined(cut_slots(danced, ()), begin, grid))
    inner = set(edges) | ({begin} if begin < edges[0] else set())
    pieces = [
        part for piece in whole for part in _cut(piece, [at for at in inner if piece.first < at < piece.end], grid)
    ]
    if len(pieces) > 1 and _is_fragment(pieces[0]) and not pieces[1].phrase_offset and pieces[1].first not in edges[1:]:
        first, *pieces = pieces
        pieces[0] = replace(pieces[0], start=first.first)
    if len(pieces) > 1 and _is_fragment(pieces[-1]) and pieces[-1].first not in edges:
        *pieces, last = pieces
        pieces[-1] = replace(pieces[-1], last=last.end)
    return pieces


def _is_fragment(piece: Piece) -> bool:
    return len(piece) < MIN_PART_BEATS


def _unjoined(slots: Sequence[Slot], begin: int, grid: DanceGrid) -> Iterator[Piece]:
    """Yield the slots of a grid that begins at an index, fragments at its ends as slots of their own."""
    at = begin
    for slot in slots:
        if slot.before:
            yield _piece(grid, at, at + len(slot.before), 0, slot.phrase)
            at += len(slot.before)
        yield Piece(at, at, at + slot.beats, at + slot.beats, slot.eight_offset, slot.phrase_offset, slot.phrase)
        at += slot.beats
        if slot.after:
            into = 0 if grid.counts[at] == 1 else slot.phrase_offset + slot.beats
            yield _piece(grid, at, at + len(slot.after), into, slot.phrase)


def _cut(piece: Piece, edges: Sequence[int], grid: DanceGrid) -> Iterator[Piece]:
    """Yield the parts of a slot between edges; itself where there is none."""
    if not edges:
        yield piece
        return
    for start, end in pairwise([piece.first, *sorted(edges), piece.end]):
        yield _piece(grid, start, end, piece.phrase_offset + start - piece.first, piece.phrase)


def _piece(grid: DanceGrid, start: int, end: int, phrase_offset: int, phrase: int) -> Piece:
    offset = min(grid.counts[start] - 1, EIGHT - (end - start))
    return Piece(start, start, end, end, offset, phrase_offset, phrase)
