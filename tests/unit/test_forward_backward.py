"""Test the probabilities of the states of a hidden Markov model."""

from __future__ import annotations

import itertools

import numpy as np

from agents.forward_backward import forward_backward


def test_the_probabilities_are_those_of_all_sequences_of_states() -> None:
    rng = np.random.default_rng(0)
    steps, states = 5, 3
    evidence, prior = rng.random((steps, states)), np.array([0.5, 0.3, 0.2])
    change = rng.random((states, states))
    change = change + change.T
    expected = np.zeros((steps, states))
    for path in itertools.product(range(states), repeat=steps):
        weight = prior[path[0]] * np.prod(evidence[range(steps), path])
        weight *= np.prod([change[pair] for pair in itertools.pairwise(path)])
        expected[range(steps), path] += weight
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.allclose(forward_backward(evidence, prior, lambda shares: change @ shares), expected)


def test_long_sequences_do_not_vanish() -> None:
    evidence = np.full((10_000, 2), 1e-6) * (1, 2)
    shares = forward_backward(evidence, np.array([0.5, 0.5]), lambda each: each)
    assert np.isfinite(shares).all()
    assert np.allclose(shares.sum(axis=1), 1)
