"""Bars go in; the form of the piece comes out: its sections, what is played in each, and which are the same music."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.arrays import Ints
from agents.audio_analysis.bars import Bars
from agents.audio_analysis.repetition import repeats
from agents.audio_analysis.sections import Label, Rhythm, labels, rhythms, split


@dataclass(frozen=True)
class Form:
    """`starts`: the first bar of each section; `edges` (sections + 1,): the first beat of each, and the number of
    beats; and for each section its rhythm, its label and the number of its music, which sections that repeat share."""

    starts: list[int]
    edges: Ints
    rhythms: list[Rhythm]
    labels: list[Label]
    repeat_groups: list[int]

    def spans(self) -> list[tuple[int, int]]:
        """The first beat of each section, and of the next."""
        return list(zip(self.edges[:-1].tolist(), self.edges[1:].tolist(), strict=True))


def form_of(bars: Bars, beats: int) -> Form:
    """The form of a piece of so many `beats`; one without a whole bar is one verse without rhythm."""
    if not len(bars.first):
        return Form([], np.array([0, beats]), ["none"], ["verse"], [0])
    starts = split(bars)
    played = rhythms(bars, starts)
    edges = np.array([0, *bars.first[starts[1:]], beats])
    return Form(starts, edges, played, labels(bars, starts, played), repeats(bars, starts, played))
