"""Wishes of a request: pins, bans, moves of some sections only, levels, alternatives, and what to film next."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from agents.playable import EIGHT
from agents.sequence_planning.warnings import plan_warnings
from schemas.audio_analyzed import AudioAnalysis, Section
from schemas.base import OnlyIn, Options, Pin
from schemas.boundary import Boundary, DancerState
from schemas.faults import Poison
from schemas.move_indexed import Move
from schemas.moves_scored import MoveFit, Scores
from schemas.sequence_planned import Plan
from tests.unit.move_scoring.builders import make_analysis, make_move
from tests.unit.sequence_planning.builders import check, make_scores, plan_of, with_states

EIGHTS = [1, 2, 3, 4, 5, 6, 7, 8]
MOVES = [make_move(number, eights=1 + number % 2, move=f"m{number}") for number in range(8)]


def planned(moves: list[Move], song: AudioAnalysis | None = None, **options: Any) -> Plan:
    song = song or make_analysis(EIGHTS * 16, first_s=0.0)
    scores = make_scores(song, moves)
    result = plan_of(scores, song, Options(duration="full", **options))
    check(result, scores)
    return result


def clip_in_phrase(plan: Plan, phrase: int) -> str:
    """Return the clip that is shown in the middle of a phrase of `EIGHTS * 16`, from 1."""
    middle = (phrase - 0.5) * EIGHT * 0.48
    return next(segment.clip for segment in plan.segments if segment.song_start_s <= middle < segment.song_end_s)


def test_pinned_moves_are_danced_in_their_phrases_and_the_rest_fits_them() -> None:
    pins = (Pin(phrase=1, move="clip_3"), Pin(phrase=5, move="M6"), Pin(phrase=16, move="clip_0"))
    plan = planned(MOVES, pins=pins)
    assert [clip_in_phrase(plan, pin.phrase) for pin in pins] == ["clip_3", "clip_6", "clip_0"]


@pytest.mark.parametrize(
    ("pin", "message"),
    [
        (Pin(phrase=3, move="waltz"), "waltz cannot be danced in phrase 3"),
        (Pin(phrase=90, move="clip_1"), "the dance has 16 phrases"),
    ],
)
def test_a_pin_that_cannot_be_obeyed_is_refused(pin: Pin, message: str) -> None:
    with pytest.raises(Poison, match=message) as caught:
        planned(MOVES, pins=(pin,))
    assert caught.value.reason == "no_usable_moves"


def test_banned_moves_are_not_danced() -> None:
    everything = {segment.clip for segment in planned(MOVES).segments}
    ban = sorted(everything)[0]
    plan = planned(MOVES, bans=(ban, "m7"))
    assert not {ban, "clip_7"} & {part.clip for part in plan.parts()}
    with pytest.raises(Poison, match="all moves that can be danced are banned"):
        planned(MOVES, bans=tuple(move.name for move in MOVES))
    only = tuple(OnlyIn(move=move.name, sections=("mambo",)) for move in MOVES[1:])
    with pytest.raises(Poison, match=r"bans and only_in leave no move for phrase 1 \(verse, derecho\)"):
        planned(MOVES, bans=("clip_0",), only_in=only)


def test_a_move_for_some_sections_is_danced_only_there() -> None:
    song = make_analysis(EIGHTS * 16, first_s=0.0)
    half = song.duration_s / 2
    kinds = (("verse", "derecho", 0.0, half), ("mambo", "mambo", half, song.duration_s))
    sections = tuple(
        Section.model_validate({"label": label, "rhythm": rhythm, "start_s": start, "end_s": end, "repeat_group": n})
        for n, (label, rhythm, start, end) in enumerate(kinds)
    )
    song = song.model_copy(update={"sections": sections})
    only = tuple(OnlyIn(move=f"clip_{number}", sections=("mambo",)) for number in range(4))
    starts = {segment.clip: segment.song_start_s for segment in reversed(planned(MOVES, song, only_in=only).segments)}
    assert all(start >= half - 4 for clip, start in starts.items() if clip in {item.move for item in only})
    assert {"clip_0", "clip_1", "clip_2", "clip_3"} & set(starts)


def test_alternatives_are_different_and_about_as_good() -> None:
    plans = [planned(MOVES, alternative=number) for number in range(3)]
    dances = [[(segment.clip, segment.clip_start_s) for segment in plan.segments] for plan in plans]
    assert len({tuple(dance) for dance in dances}) == 3
    shared = [len(set(dances[0]) & set(dance)) for dance in dances[1:]]
    assert max(shared) < len(dances[0])
    points = [plan.score.points for plan in plans if plan.score]
    assert points[0] <= 1.01 * min(points)  # the search is near the optimum, not always on it
    assert max(points) <= 1.5 * points[0]


def in_holds(move: Move, first: str, last: str) -> Move:
    """Return a move that surely begins in one hold and ends in another."""
    lead = DancerState(heading_deg=90, free_foot="left", free_foot_confidence=0.99)
    follow = DancerState(heading_deg=270, free_foot="right", free_foot_confidence=0.99)
    boundaries = tuple(
        Boundary.model_validate(
            {
                "beat": beat,
                "hold": hold,
                "hold_confidence": 0.99,
                "facing": "face_to_face",
                "facing_confidence": 0.99,
                "lead": lead,
                "follow": follow,
            }
        )
        for beat, hold in ((0, first), (8, last))
    )
    return move.model_copy(update={"boundaries": boundaries, "count_confidence": 0.9})


def test_a_move_that_would_bring_others_together_is_to_be_filmed() -> None:
    moves = [in_holds(make_move(number, eights=1), "closed", "shadow") for number in range(2)]
    song = make_analysis(EIGHTS * 6, first_s=0.0)
    scores = make_scores(song, moves)
    plan = plan_of(scores, song, Options(duration="full"))
    assert [str(shot) for shot in plan.shots] == [
        "Ana & Leo: shadow to closed, 8 counts, 121-129 BPM: would free 4 seams"
    ]
    lines = list(plan_warnings(plan, scores, Options()))
    assert lines[0].endswith("break a rule that must hold (hold), as the library has nothing that fits")
    assert lines[1].startswith("film next: Ana & Leo: shadow to closed")
    assert all(segment.seam and segment.seam.grade == "F" for segment in plan.segments[1:])
    assert plan.segments[1].seam
    assert plan.segments[1].seam.reason.startswith("hold: shadow → closed")


def test_moves_that_fit_need_no_shot() -> None:
    moves = [in_holds(make_move(number, eights=1, move=f"m{number}"), "closed", "closed") for number in range(8)]
    plan = planned(moves)
    assert plan.shots == ()
    assert {segment.seam.grade for segment in plan.segments if segment.seam} <= {"A", "B", "C"}
    assert plan.score
    assert plan.score.broken_gates == 0


@pytest.mark.parametrize(
    ("move", "couple", "shots"),
    [
        (
            in_holds(make_move(0, eights=1), "closed", "closed"),
            "Ana & Leo",
            ["Ana & Leo: another move, closed to closed, 8 counts, 121-129 BPM: would fit into 1 seam"],
        ),
        (
            in_holds(make_move(0, eights=1), "closed", "open_two_hands"),
            "Ana & Leo",
            ["Ana & Leo: open two hands to closed, 8 counts, 121-129 BPM: would free 1 seam"],
        ),
        (
            make_move(0, eights=2),
            "unknown",
            ["the same couple: another move, 8 counts, 121-129 BPM: would fit into 4 seams"],
        ),
    ],
)
def test_a_dance_of_one_clip_says_what_to_film_next(move: Move, couple: str, shots: list[str]) -> None:
    song = make_analysis(EIGHTS * 16, first_s=0.0)
    scores = couples_of(make_scores(song, [move]), {move.name: couple})
    options = Options(duration="full")
    plan = plan_of(scores, song, options)
    assert [str(shot) for shot in plan.shots] == shots
    assert f"film next: {shots[0]}" in list(plan_warnings(plan, scores, options))


def couples_of(scores: Scores, names: dict[str, str]) -> Scores:
    fits = {sha: MoveFit(fit=0.5, couple=names[move.name], room=names[move.name]) for sha, move in scores.moves.items()}
    return scores.model_copy(update={"fits": fits})


def test_one_couple_dances_or_changes_where_a_section_begins() -> None:
    song = make_analysis(EIGHTS * 16, first_s=0.0)
    edges = [0.0, 4 * 8 * 0.48, 10 * 8 * 0.48, song.duration_s]
    sections = tuple(
        Section.model_validate(
            {"label": "verse", "rhythm": "derecho", "start_s": start, "end_s": end, "repeat_group": n}
        )
        for n, (start, end) in enumerate(itertools.pairwise(edges))
    )
    song = song.model_copy(update={"sections": sections})
    moves = [in_holds(make_move(number, eights=1, move=f"m{number}"), "closed", "closed") for number in range(6)]
    names = {move.name: f"couple {number % 3}" for number, move in enumerate(moves)}
    scores = couples_of(make_scores(song, moves), names)
    for continuity in ("dance", "montage"):
        plan = plan_of(scores, song, Options.model_validate({"duration": "full", "continuity": continuity}))
        changes = {
            round(after.song_start_s, 2)
            for before, after in zip(plan.segments, plan.segments[1:], strict=False)
            if names[before.clip] != names[after.clip]
        }
        assert changes <= {round(edge, 2) for edge in edges}


def test_an_easier_dance_has_a_warning_where_moves_are_above_its_level() -> None:
    song = make_analysis(EIGHTS * 6, first_s=0.0)
    moves = [with_states(make_move(number, difficulty="advanced"), number) for number in range(3)]
    scores = make_scores(song, moves)
    options = Options(duration="full", difficulty="beginner")
    lines = list(plan_warnings(plan_of(scores, song, options), scores, options))
    assert any(line.startswith("these clips are above the level beginner: clip_") for line in lines)
