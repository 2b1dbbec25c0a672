"""The arrays of a library depend on its moves only, not on what it was before."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agents.move_scoring.move_arrays import KnownMoves, MoveArrays
from schemas.move_indexed import Move
from tests.unit.move_scoring.builders import make_move

MOVES = {move.clip.sha256: move for move in (make_move(n, eights=(12, 3, 7)[n % 3]) for n in range(60))}


class Library:
    """The first moves of `MOVES`, and what is remembered of them."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self._known = KnownMoves()

    def arrays(self, size: int) -> MoveArrays:
        """Return the arrays of a library of this size."""
        return self._known.current(dict.fromkeys(list(MOVES)[:size], 1), self._read)

    def _read(self, clips: Sequence[str]) -> list[Move]:
        self.read.extend(clips)
        return [MOVES[clip] for clip in clips]


def facts(arrays: MoveArrays) -> tuple[object, ...]:
    parts = arrays.parts
    numbers = (arrays.starts, parts.clip, parts.move, parts.first, parts.level)
    return arrays.clips, parts.parts, [values.tolist() for values in numbers], parts.energy.tolist()


@pytest.mark.parametrize("sizes", [(10, 30, 60), (60, 30, 10), (60, 30, 31), (30, 60, 45)], ids=str)
def test_a_library_that_grew_or_shrank_has_the_eights_of_one_that_is_read_at_once(
    monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, ...]
) -> None:
    monkeypatch.setattr("agents.move_scoring.move_arrays._MAX_PARTS", 300)
    changing = Library()
    for size in sizes:
        arrays = changing.arrays(size)
        most = 300 // size
        assert len(arrays.parts.parts) == sum(min(most, len(move.eights)) for move in list(MOVES.values())[:size])
        assert facts(arrays) == facts(Library().arrays(size))


def test_only_moves_that_lack_eights_are_read_again_when_others_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.move_scoring.move_arrays._MAX_PARTS", 300)
    library = Library()
    library.arrays(60)
    library.read.clear()
    library.arrays(30)
    assert library.read == sorted(clip for clip in list(MOVES)[:30] if len(MOVES[clip].eights) > 5)
    library.read.clear()
    library.arrays(31)
    assert library.read == [list(MOVES)[30]]
