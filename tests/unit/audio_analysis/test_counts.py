"""Counts on bars that do not all have four beats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.audio_analysis.counts import counts_of


def counted(bars: list[int], starts: tuple[int, ...] = (0,), before: int = 0) -> list[int]:
    """Return the counts of bars with these numbers of beats, after `before` beats before the first bar."""
    first = before + np.cumsum([0, *bars[:-1]])
    return [int(count) for count in counts_of(before + sum(bars), first, list(starts))]


@pytest.mark.parametrize(
    ("bars", "counts"),
    [
        ([4, 4, 4], [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4]),
        ([4, 5, 4], [1, 2, 3, 4, 5, 6, 7, 8, 8, 1, 2, 3, 4]),
        ([4, 6, 4], [1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 1, 2, 3, 4]),
        ([5, 4, 4], [1, 2, 3, 4, 4, 5, 6, 7, 8, 1, 2, 3, 4]),
        ([3, 3, 4], [1, 2, 3, 5, 6, 7, 1, 2, 3, 4]),
        ([4, 5], [1, 2, 3, 4, 5, 6, 7, 8, 1]),
    ],
    ids=[
        "four beats",
        "one surplus beat",
        "two surplus beats",
        "in the first half",
        "short bars",
        "a song that ends on 1",
    ],
)
def test_surplus_beats_of_a_bar_are_not_counted_1_or_5(bars: list[int], counts: list[int]) -> None:
    assert counted(bars) == counts


def test_before_the_first_bar_the_count_runs_backwards() -> None:
    assert counted([4, 4], before=3) == [6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8]


def test_without_bars_the_count_runs_through() -> None:
    assert counts_of(10, np.array([], dtype=np.int64), []).tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 1, 2]


@given(bars=st.lists(st.integers(3, 7), min_size=1, max_size=12), odd=st.integers(0, 11))
def test_a_one_is_counted_only_where_a_bar_begins(bars: list[int], odd: int) -> None:
    starts = (0, odd) if 0 < odd < len(bars) else (0,)
    counts = counted(bars, starts)
    last = sum(bars[:-1])
    bar_starts = {sum(bars[:number]) for number in range(len(bars))}
    assert {beat for beat in range(last) if counts[beat] in (1, 5)} == bar_starts - {last}
    assert set(counts) <= set(range(1, 9))
    assert len(counts) == sum(bars)
