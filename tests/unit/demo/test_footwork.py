"""Test that the demo couple's feet step on the beats in every move."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.generators.couple.catalogue import CLIPS
from data.generators.couple.choreography import COUNTS, Move
from data.generators.couple.couple import ENERGIES
from data.generators.couple.footwork import Footwork, foot_position, moving_foot
from data.generators.couple.geometry import eased
from data.generators.couple.moves import MOVES


def footwork_of(name: str) -> tuple[Move, list[Footwork]]:
    move = MOVES[name](ENERGIES["medium"].step)
    both = [(move.lead, move.lead_first), (move.follow, move.follow_first)]
    return move, [Footwork(path, first, move.still) for path, first in both]


@pytest.mark.parametrize("name", MOVES)
def test_every_step_lands_on_its_beat(name: str) -> None:
    move, dancers = footwork_of(name)
    stepped = [count for count in range(1, COUNTS) if count not in move.still]
    for walk in dancers:
        for count in stepped:
            side = moving_foot(count, walk.first)
            landed = walk.at(float(count)).feet[side]
            assert landed.position == pytest.approx(foot_position(walk.positions[count], side), abs=1e-6)
            assert landed.lift == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("name", MOVES)
def test_weight_is_on_the_foot_that_stepped_and_a_tap_bears_none(name: str) -> None:
    move, dancers = footwork_of(name)
    for walk in dancers:
        for count in (count for count in range(1, 16) if count % 4 and not {count, count + 1} & set(move.still)):
            own = -1.0 if moving_foot(count, walk.first) == "l" else 1.0
            assert walk.at(float(count)).weight == pytest.approx(own)
            assert walk.at(count + 1.0).weight == pytest.approx(own if count % 4 == 3 else -own)


@pytest.mark.parametrize("name", MOVES)
def test_the_second_eight_ends_where_the_first_began(name: str) -> None:
    _, dancers = footwork_of(name)
    for walk in dancers:
        start, end = walk.positions[1], walk.positions[17]
        assert end[:2] == pytest.approx(start[:2], abs=0.2)
        assert np.cos(end[2] - start[2]) > 0.9


@given(st.sampled_from(sorted(MOVES)), st.floats(-1, COUNTS + 1))
def test_footing_is_finite_at_any_count(name: str, count: float) -> None:
    _, dancers = footwork_of(name)
    for walk in dancers:
        footing = walk.at(count)
        assert -1.0 <= footing.weight <= 1.0
        for foot in footing.feet.values():
            assert np.isfinite(foot.position).all()
            assert 0.0 <= foot.lift < 0.2


@given(st.floats(-2, 3))
def test_easing_stays_between_its_ends(x: float) -> None:
    assert 0.0 <= eased(x) <= 1.0


def test_the_catalogue_has_each_move_once() -> None:
    assert sorted(clip.move for clip in CLIPS) == sorted(MOVES)
