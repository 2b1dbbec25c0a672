"""Which counts are printed where space is limited."""

from __future__ import annotations

import numpy as np
import pytest

from agents.drawing.counts import legible


@pytest.mark.parametrize(
    ("gap", "printed"), [(26.0, {1, 2, 3, 4, 5, 6, 7, 8}), (8.0, {1, 5}), (2.5, {1}), (1.0, set())]
)
def test_counts_are_dropped_where_space_is_limited(gap: float, printed: set[int]) -> None:
    counts = np.arange(64) % 8 + 1
    assert set(counts[legible(np.arange(64) * gap, counts)].tolist()) == printed


def test_counts_do_not_overlap_and_the_1_has_priority() -> None:
    xs, counts = np.array([0.0, 30, 60, 64, 94, 124]), np.array([2, 3, 4, 1, 2, 3])
    assert counts[legible(xs, counts)].tolist() == [2, 3, 1, 2, 3]
