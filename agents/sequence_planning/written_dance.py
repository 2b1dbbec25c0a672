"""A dance in rows, as a person reads and writes it, and the slots and parts of clips that the rows mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from agents.dance.dance_grid import DanceGrid
from agents.dance.parts import Part
from agents.dance.slots import Slot
from agents.playable import nearest_beat, playable_runs
from agents.sequence_planning.row_places import Place, places_of, refuse, row_name
from agents.sequence_planning.slot_pieces import ON_BEAT_S, pieces_between
from schemas.faults import Poison
from schemas.move_indexed import MoveSummary
from schemas.plan_file import PlanRow, clock_text, seconds_of

_MAX_OFF_S = 0.5  # before the first and after the last beat


@dataclass(frozen=True)
class WrittenDance:
    """The dance that rows mean.

    `slots`: as a plan has them, and cut where a row begins. `parts`, `rows`, `counts`: of each slot the part of a clip,
    the number of its row, from 1, and the counts of the song, such as 1-8. `amounts`: of each slot that of the rule
    `beats`. `off_beat`: by its number, a line for each row that begins where its clip has no beat, which cannot be
    rendered.
    """

    slots: tuple[Slot, ...]
    parts: tuple[Part, ...]
    rows: tuple[int, ...]
    counts: tuple[str, ...]
    amounts: tuple[Mapping[str, float], ...]
    off_beat: Mapping[int, str]


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
        [start_s, *written], ["the start", *(row_name(n, row) for n, row in enumerate(rows, 1)), "the end"], grid
    )
    _check_apart(rows, ends, edges)
    start = nearest_beat(grid.times, start_s)
    moved = _moved(grid, {start: start_s, **dict(zip(edges, written, strict=True))})
    places = places_of(rows, moves)
    cuts = [n for n in range(len(rows)) if not n or not _goes_on(places, edges, n) or edges[n] in moved]
    pieces = pieces_between(grid, [edges[n] for n in (*cuts, -1)], start)
    if start < edges[0] != pieces[0].first:
        message = f"the dance starts at {starts}, 4 counts or more before row 1: write a row for these"
        raise Poison(message, reason="invalid_plan")
    of_row = [sum(edge <= piece.first for edge in edges[:-1]) for piece in pieces]
    of_run = [max(cut for cut in cuts if cut < row) for row in of_row]
    parts = [places[n].part(piece.first - edges[n], len(piece)) for piece, n in zip(pieces, of_run, strict=True)]
    _check_lengths(rows, parts, of_row, moves)
    return WrittenDance(
        slots=tuple(piece.slot(grid, moved) for piece in pieces),
        parts=tuple(parts),
        rows=tuple(of_row),
        counts=tuple(piece.counts(grid) for piece in pieces),
        amounts=tuple(
            {"beats": float(len(piece) if places[row - 1].off_beat else piece.beside(moved, piece is pieces[-1]))}
            for piece, row in zip(pieces, of_row, strict=True)
        ),
        off_beat={
            number: f"{row_name(number, row)}: {place.off_beat}"
            for number, (row, place) in enumerate(zip(rows, places, strict=True), 1)
            if place.off_beat
        },
    )


def _check_inside(times: Sequence[float], names: Sequence[str], grid: DanceGrid) -> None:
    """Check that there is music at all times. Raises: `Poison` (`invalid_plan`)."""
    first, last = grid.times[0], grid.times[-1]
    refuse(
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
            what = row_name(number + 1, rows[number]) if number < len(rows) else f"the end ({ends})"
            errors.append(f"{what}: it is less than a beat after row {number}: move it by a beat, or remove a row")
    refuse(errors)


def _moved(grid: DanceGrid, written: Mapping[int, float]) -> dict[int, float]:
    """Return the times that are on no beat, by the index of the nearest one."""
    return {edge: time for edge, time in written.items() if abs(time - grid.times[edge]) > ON_BEAT_S}


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
            errors.append(f"{row_name(number, row)}: {_too_short(move.name, first, beats, spans)}")
    refuse(errors)


def _too_short(name: str, first: int, beats: int, spans: Sequence[tuple[int, int]]) -> str:
    """Return why a clip cannot be shown for so many beats from a beat on. `spans`: first beats and lengths."""
    left = max((start + length - first for start, length in spans if start <= first <= start + length), default=0)
    longest = max((length for _, length in spans), default=0)
    advice = "begin earlier in the clip" if longest >= beats else "take another clip, or begin the next row earlier"
    return f"from beat {first + 1} on, {name} can be shown for {left} beats, and {beats} are to be danced: {advice}"
