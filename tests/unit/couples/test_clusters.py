"""Things are grouped by average linkage, here numbers by their differences."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest

from agents.arrays import Floats, Ints
from agents.couples.clusters import clusters


def _groups(values: Sequence[float], limit: float = 1.0) -> list[list[float]]:
    found = clusters(len(values), lambda one, others: np.abs(np.array(values)[others] - values[one]), limit)
    return [[value for value, number in zip(values, found, strict=True) if number == each] for each in sorted({*found})]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        ([1.0], [[1.0]]),
        ([1.0, 1.9, 8.0], [[1.0, 1.9], [8.0]]),
        ([1.0, 1.5, 2.4], [[1.0, 1.5], [2.4]]),  # the last is 1.15 from the mean of the others
        ([1.0, 1.5, 2.2], [[1.0, 1.5, 2.2]]),
        ([1.0, 8.0, 1.1, 8.2, 1.2], [[1.0, 1.1, 1.2], [8.0, 8.2]]),
    ],
)
def test_groups_join_while_their_mean_distance_is_within_the_limit(
    values: list[float], expected: list[list[float]]
) -> None:
    assert sorted(_groups(values)) == expected


def test_things_that_are_nearly_the_same_are_compared_once() -> None:
    values = np.random.default_rng(1).permutation(np.repeat([0.0, 0.9, 5.0], 500)) + np.linspace(0, 0.1, 1500)
    compared = []

    def distances(one: int, others: Ints) -> Floats:
        compared.append(one)
        apart: Floats = np.abs(values[others] - values[one])
        return apart

    found = np.array(clusters(len(values), distances, 1.0))
    assert len(compared) == 3
    assert len(set(found)) == 2
    assert len(set(found[values < 2])) == 1


def test_many_different_things_need_little_memory() -> None:
    values = np.arange(1500) * 2.0
    _groups([1.0, 8.0])  # imports what it needs
    tracemalloc.start()
    found = clusters(len(values), lambda one, others: np.abs(values[others] - values[one]), 1.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(set(found)) == 1500
    assert peak < 16 * len(values) ** 2  # bytes: for each pair, two rows of 4, and 8 for the linkage


def test_many_things_are_grouped_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a number of them, things join the groups of the first ones; new groups are found all the same."""
    rng = np.random.default_rng(2)
    of_first_ones, later = rng.integers(0, 5, 60), rng.integers(0, 8, 200)
    values = [10.0 * group + float(rng.uniform(0, 0.9)) for group in (*of_first_ones, *later)]
    whole = _groups(values)
    assert len(whole) == 8
    monkeypatch.setattr("agents.couples.clusters._MAX_COMPARED", 0)
    monkeypatch.setattr("agents.couples.clusters._MIN_LINKED", 15)
    assert sorted(map(sorted, _groups(values))) == sorted(map(sorted, whole))
