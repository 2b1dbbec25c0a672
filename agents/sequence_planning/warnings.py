"""Warnings of a plan, in words for a dance teacher."""

from __future__ import annotations

from collections.abc import Iterator

from agents.dance.parts import DIFFICULTIES
from agents.playable import has_unsure_one
from agents.texts import first_few
from schemas.base import DanceOptions
from schemas.moves_scored import Scores
from schemas.sequence_planned import Plan

_FEW_CLIPS = 0.25  # distinct clips for each phrase
_MAX_SHOTS = 3


def plan_warnings(plan: Plan, scores: Scores, options: DanceOptions) -> Iterator[str]:
    """Yield what a teacher should know: cuts that break a rule, repetitions, levels, and what to film next."""
    if options.cut_music and options.length_s and not plan.music:
        yield "the song is not cut: at this length it has no joins of the same music; its sound fades out at the end"
    yield from _broken(plan)
    yield from _repetitions(plan)
    yield from _levels(plan, scores, options)
    yield from _unsure_counts(plan, scores)


def _broken(plan: Plan) -> Iterator[str]:
    broken = [segment.seam for segment in plan.segments if segment.seam and segment.seam.broken]
    if broken:
        rules = sorted({rule for seam in broken for rule in seam.broken})
        cuts = "1 cut breaks" if len(broken) == 1 else f"{len(broken)} cuts break"
        yield f"{cuts} a rule that must hold ({', '.join(rules)}), as the library has nothing that fits"
        yield from _to_film(plan)


def _repetitions(plan: Plan) -> Iterator[str]:
    clips = len({segment.clip_sha256 for segment in plan.segments})
    phrases = round(sum(segment.terms.get("phrases", 1.0) for segment in plan.segments))
    if clips < _FEW_CLIPS * phrases:
        have = "1 clip is" if clips == 1 else f"{clips} different clips are"
        yield f"{have} danced in {phrases} phrases: the library has few that fit each other"
        if not any(segment.seam and segment.seam.broken for segment in plan.segments):
            yield from _to_film(plan)


def _to_film(plan: Plan) -> Iterator[str]:
    if plan.shots:
        yield f"film next: {'; '.join(map(str, plan.shots[:_MAX_SHOTS]))}"


def _levels(plan: Plan, scores: Scores, options: DanceOptions) -> Iterator[str]:
    requested = DIFFICULTIES.index(options.difficulty)
    above = sorted(
        {
            segment.clip
            for segment in plan.segments
            if DIFFICULTIES.index(scores.moves[segment.clip_sha256].difficulty) > requested
        }
    )
    if above:
        yield f"these clips are above the level {options.difficulty}: {first_few(above)}; film easier moves"


def _unsure_counts(plan: Plan, scores: Scores) -> Iterator[str]:
    planned = {segment.clip_sha256 for segment in plan.segments}
    unsure = sorted(scores.moves[clip].name for clip in planned if has_unsure_one(scores.moves[clip]))
    if unsure:
        yield (
            f"the 1 of these clips is unsure: {first_few(unsure)}; "
            "settle it with `bachata moves edit NAME --first-one SECONDS`"
        )
