"""Scored songs for planning, made without an index, and the check of what every plan must hold."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from agents.move_scoring.phrases import cut_phrases
from agents.sequence_planning.inputs import PlanningInput
from agents.sequence_planning.plan import plan
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import Options
from schemas.move_indexed import Move, MoveSummary
from schemas.moves_scored import Candidate, Phrase, Scores
from schemas.sequence_planned import Plan, Segment

EPSILON = 1e-6


def make_scores(analysis: AudioAnalysis, moves: list[Move], seed: int = 0) -> Scores:
    """Every move is a candidate for every phrase, with a score drawn at random."""
    rng = np.random.default_rng(seed)
    phrases = []
    for span in cut_phrases(analysis):
        drawn = {move.clip.sha256: round(float(rng.uniform(-1, 1)), 4) for move in moves}
        phrases.append(
            Phrase(
                start_beat=span.start_beat,
                end_beat=span.end_beat,
                energy=0.5,
                section=0,
                candidates=tuple(
                    Candidate(clip_sha256=sha, score=score, terms={"tempo": score}) for sha, score in drawn.items()
                ),
            )
        )
    cards = {move.clip.sha256: move.summary() for move in moves}
    return Scores(library_version="v", phrases=tuple(phrases), moves=cards)


def check(plan: Plan, scores: Scores) -> None:
    """What holds for every plan: no gap, beats within the clip and on its key frames, and told truly."""
    for before, after in pairwise(plan.segments):
        assert before.song_end_s == after.song_start_s
    for segment in plan.segments:
        _check_segment(segment, scores.moves[segment.clip_sha256])
    assert plan.clips == {segment.clip_sha256: scores.moves[segment.clip_sha256].beats for segment in plan.segments}


def _check_segment(segment: Segment, card: MoveSummary) -> None:
    assert (segment.move, segment.clip) == (card.move, card.name)
    for beats in (segment.song_beats, segment.clip_beats):
        assert all(later - earlier > EPSILON for earlier, later in pairwise(beats))
    assert segment.clip_start_s >= 0
    assert segment.clip_end_s <= card.clip.duration_s - 2 / (card.clip.fps or 25.0) + EPSILON, "frames run out"
    first = card.beats.index(segment.clip_start_s)
    inner = segment.clip_beats[:-1]
    assert inner == card.beats[first : first + len(inner)], "a beat of the clip was left out"
    assert segment.clip_end_s <= card.beats[first + len(inner)] + EPSILON
    whole = (segment.song_end_s - segment.song_start_s) / (segment.clip_end_s - segment.clip_start_s)
    assert segment.stretch == pytest.approx(whole, abs=1e-5)
    assert {"phrases", "transition", "variety", "stretch", "chance", "tempo"} <= set(segment.terms)


def cuts(plan: Plan) -> list[float]:
    """Where one clip ends and the next begins, seconds."""
    return [segment.song_start_s for segment in plan.segments[1:]]


def plan_of(scores: Scores, song: AudioAnalysis, options: Options) -> Plan:
    """The plan that the options lead to."""
    return plan(
        PlanningInput.model_construct(analysis=song, scores=scores, duration=options.duration, seed=options.seed)
    )
