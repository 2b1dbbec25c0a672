"""Build scored songs without an index, and check the invariants of a plan."""

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
from schemas.sequence_planned import ClipPart, Plan, Segment

EPSILON = 1e-6


def make_scores(analysis: AudioAnalysis, moves: list[Move], seed: int = 0) -> Scores:
    """Return scores in which every move is a candidate for every phrase, with a random score, -1 to 1."""
    rng = np.random.default_rng(seed)
    phrases = []
    for span in cut_phrases(analysis):
        random_scores = {move.clip.sha256: round(float(rng.uniform(-1, 1)), 4) for move in moves}
        phrases.append(
            Phrase(
                start_beat=span.start_beat,
                end_beat=span.end_beat,
                energy=0.5,
                section=0,
                candidates=tuple(
                    Candidate(clip_sha256=sha, score=score, terms={"tempo": score})
                    for sha, score in random_scores.items()
                ),
            )
        )
    summaries = {move.clip.sha256: move.summary() for move in moves}
    return Scores(library_version="v", phrases=tuple(phrases), moves=summaries)


def check(plan: Plan, scores: Scores) -> None:
    """Check the invariants of a plan: no gap, beats within the clip and on its key frames, correct facts."""
    for before, after in pairwise(plan.segments):
        assert before.song_end_s == after.song_start_s
    for segment in plan.segments:
        _check_runners_up(segment)
    for part in plan.parts():
        _check_part(part, scores.moves[part.clip_sha256])
    assert plan.clips == {part.clip_sha256: scores.moves[part.clip_sha256].beats for part in plan.parts()}


def _check_runners_up(segment: Segment) -> None:
    clips = [{part.clip_sha256 for part in parts} for parts in segment.runners_up]
    assert all(len(names) == 1 for names in clips), "a runner-up is one clip"
    assert len(set.union({segment.clip_sha256}, *clips)) == 1 + len(clips), "the clips are different ones"
    for parts in segment.runners_up:
        beats = parts[0].song_beats[:1] + tuple(beat for part in parts for beat in part.song_beats[1:])
        assert beats == segment.song_beats


def _check_part(segment: ClipPart, move: MoveSummary) -> None:
    assert (segment.move, segment.clip) == (move.move, move.name)
    for beats in (segment.song_beats, segment.clip_beats):
        assert all(later - earlier > EPSILON for earlier, later in pairwise(beats))
    assert segment.clip_start_s >= 0
    assert segment.clip_end_s <= move.clip.duration_s - 2 / (move.clip.fps or 25.0) + EPSILON, "frames run out"
    first = move.beats.index(segment.clip_start_s)
    inner = segment.clip_beats[:-1]
    assert inner == move.beats[first : first + len(inner)], "a beat of the clip was left out"
    assert segment.clip_end_s <= move.beats[first + len(inner)] + EPSILON
    mean_stretch = (segment.song_end_s - segment.song_start_s) / (segment.clip_end_s - segment.clip_start_s)
    assert segment.stretch == pytest.approx(mean_stretch, abs=1e-5)
    assert {"phrases", "transition", "variety", "stretch", "chance", "tempo"} <= set(segment.terms)


def cuts(plan: Plan) -> list[float]:
    """Return the times in the song at which one clip ends and the next one begins, in seconds."""
    return [segment.song_start_s for segment in plan.segments[1:]]


def plan_of(scores: Scores, song: AudioAnalysis, options: Options) -> Plan:
    """Return the plan of a song with these options."""
    return plan(
        PlanningInput.model_construct(analysis=song, scores=scores, duration=options.duration, seed=options.seed)
    )
