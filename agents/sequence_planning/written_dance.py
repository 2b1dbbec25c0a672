"""A dance in rows, as a person reads and writes it, and the slots and parts of clips that the rows mean."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import pairwise

from agents.dance.changes import MIN_PART_BEATS
from agents.dance.dance_grid import DanceGrid, dance_grid_of
from agents.dance.parts import Part
from agents.dance.slots import Slot, cut_slots
from agents.playable import EIGHT, nearest_beat, playable_runs
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import DanceOptions
from schemas.faults import Poison
from schemas.move_indexed import MoveSummary
from schemas.plan_file import PlanRow, clock_text, seconds_of

_MAX_OFF_S = 0.5  # before the first and after the last beat
ON_BEAT_S = 0.02  # half a picture at 25 frames per second: no further from a beat is on it
_MIN_HASH_DIGITS = 8


@dataclass(frozen=True)
class WrittenDance:
    """The dance that rows mean.

    `slots`: as a plan has them, and cut where a row begins. `parts`, `rows`, `counts`: of each slot the part of a clip,
    the number of its row, from 1, and the counts of the song, such as 1-8. `amounts`: of each slot that of the rule
    `beats`. `off_beat`: by its number, a line for each row that begins where its clip has no beat: none is rendered.
    """

    slots: tuple[Slot, ...]
    parts: tuple[Part, ...]
    rows: tuple[int, ...]
    counts: tuple[str, ...]
    amounts: tuple[Mapping[str, float], ...]
    off_beat: Mapping[int, str]


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


def dance_of(
    rows: Sequence[PlanRow],
    starts: str | None,
    ends: str,
    grid: DanceGrid,
    moves: Mapping[str, MoveSummary],
) -> WrittenDance:
    """Return the dance that rows mean. `starts`, `ends`: as of `PlanFile`; `grid`: of the song, as `song_grid`.

    A time within ON_BEAT_S of a beat is on the beat. A row may be longer than an eight; its clip goes on then, as it
    does where the next row says so.
    Raises: `Poison` (`invalid_plan`) with a line for each row that cannot be danced.
    """
    written = [*(row.at_s for row in rows), seconds_of(ends)]
    edges = [nearest_beat(grid.times, time) for time in written]
    start_s = written[0] if starts is None else seconds_of(starts)
    _check_inside(
        [start_s, *written], ["the start", *(_name(n, row) for n, row in enumerate(rows, 1)), "the end"], grid
    )
    _check_apart(rows, ends, edges)
    start = nearest_beat(grid.times, start_s)
    moved = _moved(grid, {start: start_s, **dict(zip(edges, written, strict=True))})
    places = _places(rows, moves)
    cuts = [n for n in range(len(rows)) if not n or not _goes_on(places, edges, n) or edges[n] in moved]
    pieces = pieces_between(grid, [edges[n] for n in (*cuts, -1)], start)
    if start < edges[0] != pieces[0].first:
        message = f"the dance starts at {starts}, 4 counts or more before row 1: write a row for these"
        raise Poison(message, reason="invalid_plan")
    of_row = [sum(edge <= piece.first for edge in edges[:-1]) for piece in pieces]
    of_run = [max(cut for cut in cuts if cut < row) for row in of_row]
    parts = [
        places[n].part(piece.first - edges[n], piece.end - piece.first) for piece, n in zip(pieces, of_run, strict=True)
    ]
    _check_lengths(rows, parts, of_row, moves)
    return WrittenDance(
        slots=tuple(piece.slot(grid, moved) for piece in pieces),
        parts=tuple(parts),
        rows=tuple(of_row),
        counts=tuple(piece.counts(grid) for piece in pieces),
        amounts=tuple(
            {"beats": float(piece.elsewhere(moved, piece is pieces[-1], places[row - 1]))}
            for piece, row in zip(pieces, of_row, strict=True)
        ),
        off_beat={
            number: f"{_name(number, row)}: {place.off_beat}"
            for number, (row, place) in enumerate(zip(rows, places, strict=True), 1)
            if place.off_beat
        },
    )


def _name(number: int, row: PlanRow) -> str:
    return f"row {number} ({row.at})"


def _check_inside(times: Sequence[float], names: Sequence[str], grid: DanceGrid) -> None:
    """Check that there is music at all times. Raises: `Poison` (`invalid_plan`)."""
    first, last = grid.times[0], grid.times[-1]
    _refuse(
        [
            f"{name}: the music lasts from {clock_text(first)} to {clock_text(last)}: write a time in it"
            for name, time in zip(names, times, strict=True)
            if not first - _MAX_OFF_S <= time <= last + _MAX_OFF_S
        ]
    )


def _check_apart(rows: Sequence[PlanRow], ends: str, edges: Sequence[int]) -> None:
    errors = []
    for number, (before, after) in enumerate(pairwise(edges), 1):
        if after <= before:
            what = _name(number + 1, rows[number]) if number < len(rows) else f"the end ({ends})"
            errors.append(f"{what}: it is less than a beat after row {number}: move it by a beat, or remove a row")
    _refuse(errors)


def _refuse(errors: Sequence[str]) -> None:
    if len(errors) == 1:
        raise Poison(errors[0], reason="invalid_plan")
    if errors:
        raise Poison(f"{len(errors)} rows cannot be danced; {errors[0]}", reason="invalid_plan", errors=errors)


def _moved(grid: DanceGrid, written: Mapping[int, float]) -> dict[int, float]:
    """Return the times that are on no beat, by the index of the nearest one."""
    return {edge: time for edge, time in written.items() if abs(time - grid.times[edge]) > ON_BEAT_S}


@dataclass(frozen=True)
class Place:
    """Where a row begins in a clip. `off_beat`: what is wrong where the clip has no beat there."""

    clip: str
    first: int
    mirrored: bool
    off_beat: str = ""

    def part(self, into: int, beats: int) -> Part:
        """Return a part of the clip. `into`: beats from the row's start."""
        return Part(self.clip, self.first + into, self.first + into + beats, self.mirrored)


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

    def elsewhere(self, moved: Mapping[int, float], is_last: bool, place: Place) -> int:
        """Return how many of its beats are on no beat of the song, or all where its clip has none there."""
        if place.off_beat:
            return self.end - self.first
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
    return piece.end - piece.first < MIN_PART_BEATS


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


def _places(rows: Sequence[PlanRow], moves: Mapping[str, MoveSummary]) -> list[Place]:
    """Return where each row begins. Raises: `Poison` (`invalid_plan`)."""
    clips, places, errors = _Clips(moves), list[Place](), list[str]()
    for number, row in enumerate(rows, 1):
        try:
            places.append(clips.place(row))
        except _RowError as error:
            errors.append(f"{_name(number, row)}: {error}")
    _refuse(errors)
    return places


def _goes_on(places: Sequence[Place], edges: Sequence[int], n: int) -> bool:
    """Return whether the clip of the row before goes on in row `n`."""
    before, after = places[n - 1], places[n]
    expected = before.part(edges[n] - edges[n - 1], 0)
    return (expected.clip, expected.first, expected.mirrored) == (after.clip, after.first, after.mirrored) and not (
        before.off_beat or after.off_beat
    )


def _check_lengths(
    rows: Sequence[PlanRow], parts: Sequence[Part], of_row: Sequence[int], moves: Mapping[str, MoveSummary]
) -> None:
    """Check that each clip can be shown for as long as its row lasts. Raises: `Poison` (`invalid_plan`)."""
    errors = []
    for number, row in enumerate(rows, 1):
        shown = [part for part, n in zip(parts, of_row, strict=True) if n == number]
        if not shown:
            continue
        move, first, beats = moves[shown[0].clip], shown[0].first, shown[-1].end - shown[0].first
        runs = playable_runs(move)
        if not any(run.part(first, beats) for run in runs):
            spans = [(run.first, len(run.beats) - 1) for run in runs]
            errors.append(f"{_name(number, row)}: {_too_short(move.name, first, beats, spans)}")
    _refuse(errors)


class _RowError(Exception):
    """What is wrong with a row, and what to do."""


class _Clips:
    """Finds the clips that rows name."""

    def __init__(self, moves: Mapping[str, MoveSummary]) -> None:
        self._moves = moves
        self._by_name: dict[str, list[str]] = {}
        for sha, move in moves.items():
            self._by_name.setdefault(move.name, []).append(sha)

    def place(self, row: PlanRow) -> Place:
        """Return where a row begins. Raises: `_RowError`."""
        sha = self._clip(row.clip)
        move = self._moves[sha]
        first = _first_beat(row, move)
        is_off = row.from_s is not None and abs(move.beats[first] - row.from_s) > ON_BEAT_S
        return Place(sha, first, row.mirrored, _no_beat(move, row.from_s or 0.0) if is_off else "")

    def _clip(self, name: str) -> str:
        found = self._by_name.get(name) or [
            sha for sha in self._moves if len(name) >= _MIN_HASH_DIGITS and sha.startswith(name.lower())
        ]
        if len(found) == 1:
            return found[0]
        if found:
            hashes = ", ".join(sha[:12] for sha in found)
            raise _RowError(f"{len(found)} clips have the name '{name}': write one of {hashes}")
        similar = get_close_matches(name, self._by_name, n=3, cutoff=0.5)
        hint = f"do you mean {' or '.join(similar)}?" if similar else "the names are in `moves`"
        raise _RowError(
            f"no clip of the file has the name '{name}'; {hint}; `bachata plan change` adds one from the library"
        )


def _first_beat(row: PlanRow, move: MoveSummary) -> int:
    """Return the index of the beat of the clip on which a row begins. Raises: `_RowError`."""
    if row.eight is not None:
        starts = sorted(eight.start_beat for eight in move.eights)
        if row.eight > len(starts):
            has = f"only {len(starts)}" if starts else "no"
            raise _RowError(f"{move.name} has {has} eights, not {row.eight}: write another, or `beat`")
        return starts[row.eight - 1]
    if row.beat is not None:
        if row.beat > len(move.beats):
            raise _RowError(f"{move.name} has only {len(move.beats)} beats, not {row.beat}: write an earlier one")
        return row.beat - 1
    if not move.beats:
        raise _RowError(f"{move.name} has no beats: take another clip")
    return nearest_beat(move.beats, row.from_s or 0.0)


def _too_short(name: str, first: int, beats: int, spans: Sequence[tuple[int, int]]) -> str:
    """Return why a clip cannot be shown for so many beats from a beat on. `spans`: first beats and lengths."""
    left = max((start + length - first for start, length in spans if start <= first <= start + length), default=0)
    longest = max((length for _, length in spans), default=0)
    advice = "begin earlier in the clip" if longest >= beats else "take another clip, or begin the next row earlier"
    return f"from beat {first + 1} on, {name} can be shown for {left} beats, and {beats} are to be danced: {advice}"


def _no_beat(move: MoveSummary, time_s: float) -> str:
    nearest = move.beats[nearest_beat(move.beats, time_s)]
    return f"{move.name} has no beat at {time_s:g} s: the nearest is at {nearest:.2f} s; write that as from_s"
