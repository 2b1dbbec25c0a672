"""Choose the colours of counts, and which of them to print where space is limited."""

from __future__ import annotations

import numpy as np

from agents.arrays import Bools, Floats, Ints

ONE_COLOUR, FIVE_COLOUR = "#c2124f", "#3d4653"
COUNT_KINDS: tuple[tuple[int, ...], ...] = ((1,), (5,), (2, 3, 4, 6, 7, 8))  # the most important first

_BEATS_APART = (8, 4, 1)  # from one count to the next that is printed at that level of detail
_DIGIT_PX = 13.0


def legible(xs: Floats, counts: Ints) -> Bools:
    """Return which counts to print, (beats,), none over another.

    All where there is space, else 1 and 5, else each 1. `xs` (beats,): pixels; `counts` (beats,): 1-8.
    """
    gap = float(np.median(np.diff(xs))) if len(xs) > 1 else np.inf
    printed = np.zeros(len(xs), bool)
    for kind, beats_apart in zip(COUNT_KINDS, _BEATS_APART, strict=True):
        if gap * beats_apart >= _DIGIT_PX:
            for n in np.flatnonzero(np.isin(counts, kind)):
                printed[n] = bool(np.all(np.abs(xs[printed] - xs[n]) >= _DIGIT_PX))
    return printed
