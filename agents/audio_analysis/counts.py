"""Compute what a dancer counts on each beat, 1 to 8, from the bars and the sections they form."""

from __future__ import annotations

import numpy as np

from agents.arrays import Ints

_LAST_BEAT = 3  # index in a bar of four


def counts_of(beats: int, first_beats: Ints, starts: list[int]) -> Ints:
    """Return the count of each beat, (beats,): bars begin on 1, 5, 1, 5, … from each section's start.

    `beats`: their number; `first_beats` (bars,): index of each bar's first beat; `starts`: each section's first bar.
    Before the first bar the count runs backwards from 1; after the last it continues. Surplus beats in a bar repeat
    its last count, 4 or 8, so that 1 and 5 are counted only where a bar begins.
    """
    if not len(first_beats):
        return np.arange(beats) % 8 + 1
    section = np.searchsorted(starts, np.arange(len(first_beats)), side="right") - 1
    half = (np.arange(len(first_beats)) - np.asarray(starts)[section]) % 2
    bar = np.searchsorted(first_beats, np.arange(beats), side="right") - 1
    nearest = np.maximum(bar, 0)
    position = np.arange(beats) - first_beats[nearest]
    position = np.where(nearest < len(first_beats) - 1, np.minimum(position, _LAST_BEAT), position)
    return np.asarray((4 * half[nearest] + position) % 8 + 1)
