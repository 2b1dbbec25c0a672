"""Describe what a library of moves lacks for dances at usual tempi."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, get_args

from agents.texts import first_few
from schemas.base import Difficulty, Level

_SONGS_BPM = range(110, 151, 5)  # tempi of most bachatas
_STRETCH = (0.9, 1.1)  # song time over clip time at which movement still looks natural


class LibraryMove(NamedTuple):
    """What counts of a move: `eights` is how many whole eights its clip has."""

    category: str
    difficulty: Difficulty
    energy: Level
    tempo_bpm: float
    eights: int


def library_gaps(moves: Sequence[LibraryMove]) -> list[str]:
    """Return what is missing, one sentence for each gap; nothing for a library that has all."""
    if not moves:
        return ["The library has no moves."]
    return [*_tempo_gaps(moves), *_energy_gaps(moves), *_length_gaps(moves)]


def _tempo_gaps(moves: Sequence[LibraryMove]) -> Iterator[str]:
    """Yield for each difficulty the tempi of songs that no move fits."""
    for difficulty in get_args(Difficulty):
        of_difficulty = [move for move in moves if move.difficulty == difficulty]
        if not of_difficulty:
            yield f"No {difficulty} move."
            continue
        for low_bpm, high_bpm in _ranges(
            bpm for bpm in _SONGS_BPM if not any(_fits(move, bpm) for move in of_difficulty)
        ):
            tempo = f"{low_bpm} BPM" if low_bpm == high_bpm else f"{low_bpm} to {high_bpm} BPM"
            yield f"No {difficulty} move fits songs of {tempo}."


def _fits(move: LibraryMove, song_bpm: float) -> bool:
    return _STRETCH[0] <= move.tempo_bpm / song_bpm <= _STRETCH[1]


def _ranges(tempi: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of each run of neighbouring tempi."""
    numbered = enumerate(tempi)
    for _, run in groupby(numbered, key=lambda pair: pair[1] - pair[0] * _SONGS_BPM.step):
        values = [tempo for _, tempo in run]
        yield values[0], values[-1]


def _energy_gaps(moves: Sequence[LibraryMove]) -> Iterator[str]:
    found = {move.energy for move in moves}
    yield from (f"No move of {energy} energy." for energy in get_args(Level) if energy not in found)


def _length_gaps(moves: Sequence[LibraryMove]) -> Iterator[str]:
    """Yield which categories have only short clips, and which only one clip."""
    by_category = defaultdict[str, list[LibraryMove]](list)
    for move in moves:
        by_category[move.category].append(move)
    short = sorted(name for name, found in by_category.items() if max(move.eights for move in found) < 2)
    single = sorted(name for name, found in by_category.items() if len(found) == 1)
    if short:
        yield f"No clip of two eights or longer: {first_few(short)}."
    if single:
        yield f"Only one clip: {first_few(single)}."
