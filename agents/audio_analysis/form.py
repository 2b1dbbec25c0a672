"""Find the form of a piece: its sections, their rhythms and labels, and which of them repeat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.arrays import Ints
from agents.audio_analysis.bars import Bars
from agents.audio_analysis.repetition import repeat_groups
from agents.audio_analysis.sections import labels, rhythms, section_starts
from schemas.dance_names import SectionLabel, SectionRhythm


@dataclass(frozen=True)
class Form:
    """The sections of a piece.

    `starts`: the first bar of each section; `edges` (sections + 1,): the first beat of each, and the number of beats;
    `rhythms`, `labels` and `repeat_groups`: one for each section; sections that repeat have the same group.
    """

    starts: list[int]
    edges: Ints
    rhythms: list[SectionRhythm]
    labels: list[SectionLabel]
    repeat_groups: list[int]

    def spans(self) -> list[tuple[int, int]]:
        """Return the first beat of each section, and that of the next."""
        return list(zip(self.edges[:-1].tolist(), self.edges[1:].tolist(), strict=True))


def form_of(bars: Bars, beats: int) -> Form:
    """Return the form of a piece with that number of `beats`; without any whole bar, it is one verse without rhythm."""
    if not len(bars.first_beats):
        return Form([], np.array([0, beats]), ["none"], ["verse"], [0])
    starts = section_starts(bars)
    played = rhythms(bars, starts)
    edges = np.array([0, *bars.first_beats[starts[1:]], beats])
    return Form(starts, edges, played, labels(bars, starts, played), repeat_groups(bars, starts, played))
