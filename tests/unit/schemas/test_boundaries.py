"""Test the couple's state at a boundary of a move, with and without an annotation."""

from __future__ import annotations

from schemas.boundary import Boundary, JoinedHands
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import MoveSummary
from tests.unit.infra.moves import make_move

HANDS = (JoinedHands(lead="left", follow="right", confidence=0.8),)


def move_with_states() -> MoveSummary:
    """Return a move with two eights, and states on the beats where they begin and end."""
    move = make_move(0)
    states = tuple(Boundary(beat=beat, hold="open_one_hand", hold_confidence=0.6, hands=HANDS) for beat in (0, 8, 16))
    return move.summary().model_copy(update={"boundaries": states})


def state_at(move: MoveSummary, beat: int) -> Boundary:
    state = move.boundary_at(beat)
    assert state
    return state


def test_a_beat_without_a_state_has_none() -> None:
    assert move_with_states().boundary_at(3) is None


def test_annotated_holds_are_those_where_the_move_begins_and_ends() -> None:
    move = move_with_states().annotated(MoveAnnotation(entry_hold="closed", exit_hold="open_one_hand"))
    first, middle, last = (state_at(move, beat) for beat in (0, 8, 16))
    assert (first.hold, first.hold_confidence, first.hands) == ("closed", 1.0, ())
    assert (middle.hold, middle.hold_confidence) == ("open_one_hand", 0.6)
    assert (last.hold, last.hold_confidence, last.hands) == ("open_one_hand", 1.0, HANDS)


def test_without_the_annotation_the_holds_that_were_found_are_back() -> None:
    move = move_with_states().annotated(MoveAnnotation(entry_hold="closed")).annotated(None)
    assert state_at(move, 0).hold == "open_one_hand"


def test_all_states_have_the_annotated_holds() -> None:
    move = move_with_states().annotated(MoveAnnotation(entry_hold="wrap"))
    assert [state.hold for state in move.annotated_boundaries()] == ["wrap", "open_one_hand", "open_one_hand"]
