"""What a library lacks, in words: difficulties, tempi of songs, energies, long clips, second clips of a category."""

from __future__ import annotations

from itertools import product
from typing import Any, get_args

from agents.move_indexing.library_gaps import LibraryMove, library_gaps
from schemas.base import Difficulty, Level


def _move(**fields: Any) -> LibraryMove:
    of_all: dict[str, Any] = {"category": "turns", "difficulty": "beginner", "energy": "low"}
    return LibraryMove(**of_all | {"tempo_bpm": 130.0, "eights": 2} | fields)


def _complete() -> list[LibraryMove]:
    kinds = product(get_args(Difficulty), get_args(Level), (118.0, 140.0))
    return [_move(difficulty=difficulty, energy=energy, tempo_bpm=tempo) for difficulty, energy, tempo in kinds]


def test_an_empty_library_lacks_all() -> None:
    assert library_gaps([]) == ["The library has no moves."]


def test_a_complete_library_lacks_nothing() -> None:
    assert library_gaps(_complete()) == []


def test_a_difficulty_without_a_move_or_for_some_songs_only_is_named() -> None:
    moves = [move for move in _complete() if move.difficulty != "advanced"]
    moves = [move for move in moves if move.difficulty != "beginner" or move.tempo_bpm < 130]
    assert library_gaps(moves) == ["No beginner move fits songs of 135 to 150 BPM.", "No advanced move."]


def test_tempi_on_both_sides_of_the_moves_are_ranges_of_their_own() -> None:
    moves = [move for move in _complete() if move.difficulty != "beginner"] + [_move(tempo_bpm=131.0)] * 2
    low, high = library_gaps(moves)
    assert low == "No beginner move fits songs of 110 to 115 BPM."
    assert high == "No beginner move fits songs of 150 BPM."


def test_an_energy_short_clips_and_single_clips_are_named() -> None:
    moves = [move for move in _complete() if move.energy != "high"]
    moves += [_move(category="dips", eights=1)] * 2 + [_move(category="shines", eights=1)]
    assert library_gaps(moves) == [
        "No move of high energy.",
        "No clip of two eights or longer: dips, shines.",
        "Only one clip: shines.",
    ]
