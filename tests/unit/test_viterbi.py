"""The best path is compared with all paths."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.viterbi import best_path, most_likely_runs


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_best_path_is_the_best_of_all_paths(seed: int) -> None:
    rng = np.random.default_rng(seed)
    support, change = rng.normal(size=(5, 3)), rng.normal(size=(3, 3))

    def total(path: tuple[int, ...]) -> float:
        transitions = sum(change[a, b] for a, b in pairwise(path))
        return float(support[np.arange(5), list(path)].sum() + transitions)

    best = max(product(range(3), repeat=5), key=total)
    assert tuple(best_path(support, change).tolist()) == best


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_transition_scores_may_differ_from_step_to_step(seed: int) -> None:
    rng = np.random.default_rng(seed)
    support, change = rng.normal(size=(6, 2)), rng.normal(size=(5, 2, 2))

    def total(path: tuple[int, ...]) -> float:
        transitions = sum(change[n, a, b] for n, (a, b) in enumerate(pairwise(path)))
        return float(support[np.arange(6), list(path)].sum() + transitions)

    best = max(product(range(2), repeat=6), key=total)
    assert tuple(best_path(support, change).tolist()) == best


def test_runs_begin_and_end_where_the_evidence_changes_for_long_enough() -> None:
    evidence = np.array([1.0, 1, 1, -1, 1, 1, -1, -1, -1, -1, 1, -1, -1, 1, 1, 1])
    assert most_likely_runs(evidence, 1.5) == [(0, 6), (13, 16)]
    assert most_likely_runs(-evidence, 1.5) == [(6, 13)]
    assert most_likely_runs(np.array([-1.0]), 1.5) == []


def test_a_single_step_is_a_path() -> None:
    assert best_path(np.array([[1.0, 2.0]]), np.zeros((0, 2, 2))).tolist() == [1]
