"""A measurement takes little memory for each move, and finds in an index what an exact search finds."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.measure import measure

_MOVES = 1500


def test_a_measurement_does_not_have_all_generated_moves_in_memory(tmp_path: Path) -> None:
    index = EdgeMoveIndex(tmp_path / "edge")
    assert index.count() == 0
    tracemalloc.start()
    try:
        measured = measure(index, _MOVES, 3)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        index.close()
    assert peak < 20_000_000, "1500 moves as Python objects are 30 MB"
    assert (measured.moves, measured.recall) == (_MOVES, 1.0)
    assert measured.writes_per_second > 0
