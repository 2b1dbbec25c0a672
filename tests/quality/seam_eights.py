"""Compare what is found to be danced in the eights of the demo clips with what exactly is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from schemas.boundary import Effect, EightContent
from schemas.move_indexed import MoveSummary
from tests.quality.seam_clips import SeamClip
from tests.quality.seam_labels import DEMO_BOUNDARIES
from tests.quality.seam_scores import Answer, share_right

MAX_TURNS_OFF = 0.25
MAX_EFFECT_OFF_S = 0.3


class ExactEight(NamedTuple):
    """An eight of a demo clip: when it begins, the net turns of both, and its moment of effect."""

    clip: str
    start_s: float
    lead_turns: float
    follow_turns: float
    effect: Effect | None
    effect_s: float | None


def exact_eights() -> Iterator[ExactEight]:
    """Yield the eights of the demo clips."""
    content = json.loads(DEMO_BOUNDARIES.read_text(encoding="utf-8"))
    starts = {(each["clip"], each["beat"]): each["time_s"] for each in content["boundaries"]}
    for row in content["eights"]:
        start_s = starts[row["clip"], row.pop("start_beat")]
        yield ExactEight(start_s=start_s, **row)


def eights_line(clips: Sequence[SeamClip]) -> str:
    """Return how often turns, the kind of effect and its moment are right, as a line."""
    moves = {clip.name: clip.move for clip in clips if clip.move}
    both = [(exact, _content(moves[exact.clip], exact)) for exact in exact_eights() if exact.clip in moves]
    turns = [_are_near(exact, found) for exact, found in both]
    effects = [Answer(found is not None and found.effect == exact.effect, 1.0) for exact, found in both]
    moments = [
        Answer(abs((found.effect_s or 0.0) - exact.effect_s) <= MAX_EFFECT_OFF_S, 1.0)
        for exact, found in both
        if found and exact.effect_s is not None and found.effect == exact.effect
    ]
    return (
        f"{len(both)} eights of the demo clips: net turns of both right {share_right(turns):.3f}, effect right "
        f"{share_right(effects):.3f}, its moment within {MAX_EFFECT_OFF_S} s {share_right(moments):.3f}"
    )


def _content(move: MoveSummary, exact: ExactEight) -> EightContent | None:
    starts = {eight.start_beat: eight.content for eight in move.eights}
    nearest = int(np.abs(np.array(move.beats) - exact.start_s).argmin())
    return starts.get(nearest)


def _are_near(exact: ExactEight, found: EightContent | None) -> Answer:
    if found is None or found.lead_turns is None or found.follow_turns is None:
        return Answer(False, 1.0)
    off = max(abs(found.lead_turns - exact.lead_turns), abs(found.follow_turns - exact.follow_turns))
    return Answer(off <= MAX_TURNS_OFF, 1.0)
