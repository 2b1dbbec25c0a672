"""Test the states of a couple on beats, on exact tracks of the demo couple."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from agents.arrays import Bools, Floats
from agents.move_indexing.boundaries.holds import HOLDS, joined_in_time, model
from agents.move_indexing.boundaries.states import boundary_states
from agents.move_indexing.boundaries.tracked_couple import TrackedCouple
from agents.move_indexing.steps.free_feet import FreeFoot
from schemas.boundary import Boundary, DancerState
from tests.unit.move_indexing.demo_couple import demo_tracks

SIZE = (960, 540)
BEATS = (0.4, 2.3, 4.2)
UNKNOWN_FEET = [[FreeFoot(None, 0.0)] * len(BEATS)] * 2


def states(hidden: Callable[[Floats], Bools] | None = None) -> tuple[Boundary, ...]:
    """Return the states of the basic step. `hidden`: when the follow is, by the times of the track."""
    lead, follow = demo_tracks("basic_side")
    tracked = follow.tracked if hidden is None else ~hidden(follow.times)
    couple = TrackedCouple.of(lead, replace(follow, tracked=tracked), SIZE)
    return boundary_states(couple, BEATS, range(len(BEATS)), UNKNOWN_FEET)


def dancers(state: Boundary) -> tuple[DancerState, DancerState]:
    assert state.lead
    assert state.follow
    return state.lead, state.follow


def test_a_couple_that_holds_both_hands_is_found_to_do_so() -> None:
    for state in states():
        assert state.hold == "open_two_hands"
        assert state.hold_confidence > 0.5
        assert {(pair.lead, pair.follow) for pair in state.hands} == {("left", "right"), ("right", "left")}
        assert state.facing == "face_to_face"


def test_a_state_says_where_the_couple_is_and_that_all_of_it_is_in_the_picture() -> None:
    for state in states():
        places = np.array([dancer.place for dancer in dancers(state)], float)
        assert state.centre == pytest.approx(places.mean(axis=0), abs=1e-3)
        assert 0.4 < (state.height or 0) < 1
        assert all(dancer.in_picture for dancer in dancers(state))
        assert all(dancer.feet_in_picture for dancer in dancers(state))


def test_feet_below_the_picture_are_found_to_be_outside() -> None:
    lead, follow = demo_tracks("basic_side")
    couple = TrackedCouple.of(lead, follow, (960, int(follow.xy[:, 27:33, 1].min()) - 1))
    state = boundary_states(couple, BEATS, [0], UNKNOWN_FEET)[0]
    assert dancers(state)[1].feet_in_picture is False


def test_a_dancer_hidden_at_a_beat_keeps_heading_and_hold_but_no_place() -> None:
    state = states(hidden=lambda times: np.abs(times - BEATS[1]) < 0.8)[1]
    follow = dancers(state)[1]
    assert (follow.place, follow.hip_velocity, follow.in_picture) == (None, None, None)
    assert state.hold == "open_two_hands"


def test_a_dancer_who_is_never_tracked_near_a_beat_has_no_state() -> None:
    first, _, last = states(hidden=lambda times: times >= 0.8)
    assert all(dancers(first))
    assert (last.follow, last.hold, last.facing) == (None, None, None)
    assert last.lead


def test_a_free_foot_is_that_of_its_beat() -> None:
    lead, follow = demo_tracks("basic_side")
    couple = TrackedCouple.of(lead, follow, SIZE)
    feet = [[FreeFoot("left", 0.9), FreeFoot("right", 0.8)], [FreeFoot("right", 0.9), FreeFoot("left", 0.7)]]
    state = boundary_states(couple, BEATS, [1], feet)[0]
    assert [dancer.free_foot for dancer in dancers(state)] == ["right", "left"]


def test_a_hold_that_only_one_time_tells_gives_way_to_its_neighbours() -> None:
    closed, open_hold = HOLDS.index("closed"), HOLDS.index("open_two_hands")
    probabilities = np.full((9, len(HOLDS)), 0.02)
    probabilities[:, open_hold] = 0.84
    probabilities[4, [open_hold, closed]] = 0.35, 0.51
    assert (joined_in_time(probabilities, 1.0).argmax(axis=1) == open_hold).all()


def test_unknown_features_stand_for_usual_ones() -> None:
    constants = model()
    unknown = constants.probabilities(np.full((1, len(constants.usual)), np.nan))
    assert np.allclose(unknown, constants.probabilities(constants.usual[None]))
    assert unknown.sum() == pytest.approx(1)
