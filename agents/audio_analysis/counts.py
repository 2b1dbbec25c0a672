"""Bars and the sections they form go in; what a dancer counts on each beat, 1 to 8, comes out."""

from __future__ import annotations

import numpy as np

from agents.arrays import Ints

_LAST = 3  # beats into a bar of four


def counts_of(beats: int, first: Ints, starts: list[int]) -> Ints:
    """The count of each of `beats` beats: bars (`first`: their first beats) go 1, 5, 1, 5 from each section's start.

    Before the first bar the count runs back from 1, after the last it runs on. Beats too many within a bar stay on its
    last count, 4 or 8, so that no 1 or 5 is counted but where a bar begins.
    """
    if not len(first):
        return np.arange(beats) % 8 + 1
    section = np.searchsorted(starts, np.arange(len(first)), side="right") - 1
    half = (np.arange(len(first)) - np.asarray(starts)[section]) % 2
    bar = np.searchsorted(first, np.arange(beats), side="right") - 1
    nearest = np.maximum(bar, 0)
    into = np.arange(beats) - first[nearest]
    into = np.where(nearest < len(first) - 1, np.minimum(into, _LAST), into)
    return np.asarray((4 * half[nearest] + into) % 8 + 1)
