"""Find the probability of each state of a hidden Markov model at each step, given all steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from agents.arrays import Floats


def forward_backward(evidence: Floats, prior: Floats, change: Callable[[Floats], Floats]) -> Floats:
    """Return the probability of each state at each step, in the shape of `evidence` (Rabiner, 1989).

    `evidence` (steps, ...): the likelihood of each state. `prior`: the probability of each state at the first step.
    `change`: from the probabilities at one step to those at the next; a change and its reverse must be equally likely.
    """
    shares = np.empty_like(evidence)
    forward = prior
    for step, likelihood in enumerate(evidence):
        forward = (change(forward) if step else prior) * likelihood
        forward = forward / forward.sum()
        shares[step] = forward
    backward = np.ones_like(prior)
    for step in range(len(evidence) - 1, -1, -1):
        shares[step] *= backward
        shares[step] /= shares[step].sum()
        backward = change(backward * evidence[step])
        backward /= backward.sum()
    return shares
