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
from schemas.boundary import Boundary, DancerState, Effect, EightContent, Side
from schemas.move_indexed import Move, MoveSummary
from schemas.moves_scored import Candidate, MoveFit, Phrase, Scores
from schemas.sequence_planned import ClipPart, Plan, Segment

EPSILON = 1e-6


def make_scores(analysis: AudioAnalysis, moves: list[Move], seed: int = 0) -> Scores:
    """Return scores in which every move is a candidate for every phrase, with a random fit, of one couple."""
    rng = np.random.default_rng(seed)
    candidates = tuple(Candidate(clip_sha256=move.clip.sha256, score=0.0, terms={}) for move in moves)
    phrases = tuple(
        Phrase(start_beat=span.start_beat, end_beat=span.end_beat, energy=0.5, section=0, candidates=candidates)
        for span in cut_phrases(analysis)
    )
    fits = {
        move.clip.sha256: MoveFit(fit=round(float(rng.uniform(0, 1)), 4), couple="Ana & Leo", room="studio")
        for move in moves
    }
    summaries = {move.clip.sha256: move.summary() for move in moves}
    return Scores(library_version="v", phrases=phrases, moves=summaries, fits=fits)


def with_states(move: Move, seed: int) -> Move:
    """Return a move with random states of the couple on each beat with count 1 or 5, and random contents."""
    rng = np.random.default_rng(seed)
    beats = [beat for beat, count in enumerate(move.counts) if count in {1, 5}]
    eights = tuple(eight.model_copy(update={"content": _content(move, eight.start_beat, rng)}) for eight in move.eights)
    boundaries = tuple(_state(beat, rng) for beat in beats)
    return move.model_copy(update={"boundaries": boundaries, "eights": eights, "count_confidence": 0.9})


def _state(beat: int, rng: np.random.Generator) -> Boundary:
    """Return a state with one of two holds, half of them sure."""
    return Boundary(
        beat=beat,
        hold=("closed", "open_two_hands", None)[int(rng.integers(3))],
        hold_confidence=float(rng.choice([0.6, 0.98])),
        facing=("face_to_face", "same_way", None)[int(rng.integers(3))],
        facing_confidence=float(rng.choice([0.6, 0.98])),
        lead=_dancer(rng),
        follow=_dancer(rng),
        centre=(float(rng.uniform(0.3, 0.7)), 0.5),
        height=float(rng.uniform(0.5, 0.8)),
    )


def _dancer(rng: np.random.Generator) -> DancerState | None:
    if rng.random() < 0.2:
        return None
    feet: tuple[Side | None, ...] = ("left", "right", None)
    velocity = tuple(rng.normal(0, 0.5, 2).tolist())
    return DancerState(
        heading_deg=float(rng.uniform(0, 359)),
        free_foot=feet[int(rng.integers(3))],
        free_foot_confidence=0.9,
        hip_velocity=velocity,
    )


def _content(move: Move, start: int, rng: np.random.Generator) -> EightContent:
    effects: tuple[Effect | None, ...] = (None, "dip", "stop", "turn_end")
    effect = effects[int(rng.integers(4))]
    return EightContent(
        kind=("basic", "connector", "pattern", "accent")[int(rng.integers(4))],
        follow_turns=float(rng.uniform(-2, 2)),
        effect=effect,
        effect_s=None if effect is None else move.beats[start] + float(rng.uniform(0, 3)),
        footwork=bool(rng.random() < 0.2),
    )


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
        assert (parts[0].song_start_s, parts[-1].song_end_s) == (segment.song_start_s, segment.song_end_s)
        assert all(before.song_end_s == after.song_start_s for before, after in pairwise(parts))


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


def cuts(plan: Plan) -> list[float]:
    """Return the times in the song at which one clip ends and the next one begins, in seconds."""
    return [segment.song_start_s for segment in plan.segments[1:]]


def plan_of(scores: Scores, song: AudioAnalysis, options: Options) -> Plan:
    """Return the plan of a song with these options."""
    return plan(PlanningInput.model_construct(analysis=song, scores=scores, options=options))
