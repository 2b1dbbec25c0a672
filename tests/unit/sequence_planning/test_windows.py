"""Plans over clips with holes in their pictures and with eights that lack a dancer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.dance.parts import Part, parts_of
from agents.playable import playable_runs
from agents.sequence_planning.inputs import PlanningInput
from agents.sequence_planning.plan import plan
from schemas.base import Options
from schemas.move_indexed import Dancers, Move, Window, window_at
from schemas.sequence_planned import Plan
from tests.unit.move_scoring.builders import make_analysis, make_move
from tests.unit.sequence_planning.builders import make_scores

EIGHT = [1, 2, 3, 4, 5, 6, 7, 8]


def _plan(moves: list[Move], counts: list[int], seed: int = 0) -> Plan:
    song = make_analysis(counts, first_s=0.3, tail_s=0.48)
    return plan(
        PlanningInput(analysis=song, scores=make_scores(song, moves, seed), options=Options(duration="full", seed=seed))
    )


def _with_hole(move: Move, after_beat: int, share: float) -> Move:
    """Return a move whose pictures have a hole of 0.25 s between two of its beats, without the eights that span it."""
    before, after = move.beats[after_beat], move.beats[after_beat + 1]
    start = before + share * (after - before - 0.25)
    windows = (Window(start_s=0.0, end_s=start), Window(start_s=start + 0.25, end_s=move.clip.duration_s))
    eights = tuple(eight for eight in move.eights if not eight.start_beat <= after_beat < eight.start_beat + 8)
    return Move.model_validate(move.model_dump() | {"windows": windows, "eights": eights})


def _with_dancers(move: Move, one: float, both: float) -> Move:
    dancers = Dancers(one=one, both=both)
    eights = tuple(eight.model_copy(update={"dancers": dancers}) for eight in move.eights)
    return move.model_copy(update={"eights": eights})


@given(hole=st.integers(0, 22), share=st.floats(0.1, 0.9), extra=st.integers(0, 7), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_no_segment_runs_across_a_hole(hole: int, share: float, extra: int, seed: int) -> None:
    moves = [_with_hole(make_move(1, eights=3), hole, share), make_move(2, eights=2)]
    by_clip = {move.clip.sha256: move for move in moves}
    counts = [*EIGHT, *EIGHT, *range(1, extra + 1), *EIGHT, 1, 2, 3, 4, 5, 6, 7, 8, 5, 6, 7, 8, *EIGHT]
    for segment in _plan(moves, counts, seed).segments:
        windows = by_clip[segment.clip_sha256].windows
        if windows:
            inside = {window_at(windows, beat) for beat in segment.clip_beats}
            assert len(inside) == 1
            assert None not in inside
            window = windows[inside.pop() or 0]
            assert segment.clip_end_s <= window.end_s - 2 / 30 + 1e-6


def test_an_eight_that_is_left_out_is_not_shown_in_a_long_phrase() -> None:
    move = make_move(1, eights=3)
    move = move.model_copy(update={"eights": (move.eights[0], move.eights[2])})
    left_out = set(move.beats[9:16])
    for segment in _plan([move, make_move(2)], [*EIGHT, *EIGHT[:4], *EIGHT, 5, 6, 7, 8] * 3).segments:
        assert segment.clip_sha256 != move.clip.sha256 or not left_out & set(segment.clip_beats)


@pytest.mark.parametrize("shares", [(1.0, 0.0), (0.2, 0.2)])
def test_eights_without_a_couple_are_not_used_where_others_are_to_be_had(shares: tuple[float, float]) -> None:
    alone = _with_dancers(make_move(1, move="alone"), *shares)
    couples = [make_move(number, move=f"couple {number}") for number in range(2, 6)]
    for seed in range(5):
        used = {segment.move for segment in _plan([alone, *couples], EIGHT * 12, seed).segments}
        assert "alone" not in used


def test_eights_without_a_couple_are_used_where_there_are_no_others() -> None:
    (segment, *_) = _plan([_with_dancers(make_move(1), 1.0, 0.0)], EIGHT * 4).segments
    assert segment.terms["in_picture"] < 0


@pytest.mark.parametrize(
    ("one", "both", "amount"), [(1.0, 1.0, 0), (1.0, 0.5, 0), (1.0, 0.0, 1), (0.0, 0.0, 10 / 3), (1.0, 0.4, 0.2)]
)
def test_the_amount_of_missing_dancers(one: float, both: float, amount: float) -> None:
    move = _with_dancers(make_move(1, eights=1), one, both)
    parts = parts_of([Part(move.clip.sha256, 0, 8)], {move.clip.sha256: move}, {})
    assert parts.missing[0] == pytest.approx(amount)


def test_a_clip_of_an_older_event_is_one_window() -> None:
    move = make_move(1, eights=2)
    (run,) = playable_runs(move)
    assert run.beats == move.beats
