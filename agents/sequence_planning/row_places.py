"""Where in which clip each row of a dance begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from agents.dance.parts import Part
from agents.playable import nearest_beat
from agents.sequence_planning.slot_pieces import ON_BEAT_S
from schemas.faults import Poison
from schemas.move_indexed import MoveSummary
from schemas.plan_file import PlanRow

_MIN_HASH_DIGITS = 8


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


def places_of(rows: Sequence[PlanRow], moves: Mapping[str, MoveSummary]) -> list[Place]:
    """Return where each row begins. Raises: `Poison` (`invalid_plan`)."""
    clips, places, errors = _Clips(moves), list[Place](), list[str]()
    for number, row in enumerate(rows, 1):
        try:
            places.append(clips.place(row))
        except _RowError as error:
            errors.append(f"{row_name(number, row)}: {error}")
    refuse(errors)
    return places


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


def _no_beat(move: MoveSummary, time_s: float) -> str:
    nearest = move.beats[nearest_beat(move.beats, time_s)]
    return f"{move.name} has no beat at {time_s:g} s: the nearest is at {nearest:.2f} s; write that as from_s"


def row_name(number: int, row: PlanRow) -> str:
    """Return how messages name a row."""
    return f"row {number} ({row.at})"


def refuse(errors: Sequence[str]) -> None:
    """Refuse a dance for errors of its rows, if there are any. Raises: `Poison` (`invalid_plan`)."""
    if len(errors) == 1:
        raise Poison(errors[0], reason="invalid_plan")
    if errors:
        raise Poison(f"{len(errors)} rows cannot be danced; {errors[0]}", reason="invalid_plan", errors=errors)
