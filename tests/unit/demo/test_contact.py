"""Test that the demo couple's hands stay joined and standing feet do not slide, without OpenGL and body data."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.generators.couple.couple import ENERGIES, Couple
from data.generators.couple.holds import HOLDS, JOINED, Keys
from data.generators.couple.moves import MOVES
from data.generators.couple.posing import pose
from data.generators.couple.skeleton import Bones, Stance
from data.generators.couple.stance import SOLE_M
from data.generators.couple.sway import Spring
from tests.unit.demo.stick_figures import stick_figure

BODIES = stick_figure("lead"), stick_figure("follow")
COUNTS_DANCED = np.arange(0.5, 17.5, 0.25)
MAX_HAND_GAP_M = 0.03  # metres
MAX_HAND_GAP_OF_MOVE_M = {
    "combination": 0.10,
    "hammerlock": 0.05,
    "shadow": 0.10,
}  # an arm bent as far as it goes holds less well
MIN_OVER_HEAD_M = 0.20  # metres above the root of the head: its crown is at 0.14
MAX_SLIDE_M_PER_BEAT = 0.05  # metres a beat


@cache
def make_couple(name: str) -> Couple:
    energy = ENERGIES["medium"]
    return Couple(BODIES, MOVES[name](energy.step), energy)


@cache  # three tests go through the same counts of the same moves
def stances(dancers: Couple, count: float) -> tuple[Stance, Stance]:
    return dancers.stances(count)


@cache
def posed(dancers: Couple, count: float) -> tuple[Bones, Bones]:
    lead, follow = stances(dancers, count)
    return pose(BODIES[0], lead), pose(BODIES[1], follow)


def steady(keys: Keys, count: float) -> str | None:
    """Return the current hold, or None while the hands move to the next one."""
    if any(count < start < count + 1 for start, _ in keys):
        return None
    return [name for start, name in keys if start <= count][-1]


@pytest.mark.parametrize("name", MOVES)
def test_joined_hands_stay_together(name: str) -> None:
    dancers = make_couple(name)
    for count in COUNTS_DANCED:
        bones = posed(dancers, count)
        his_stance, her_stance = stances(dancers, count)
        for contact, sides in dancers.move.sides.items():
            if steady(dancers.move.holds[contact], count) in JOINED:
                his, hers = (body.palm_middle(side, b) for body, side, b in zip(BODIES, sides, bones, strict=True))
                wanted = his_stance.hands[sides[0]].position - her_stance.hands[sides[1]].position
                assert np.linalg.norm(his - hers - wanted) < MAX_HAND_GAP_OF_MOVE_M.get(name, MAX_HAND_GAP_M), count
                assert np.linalg.norm(his - hers) < 0.16, count


@pytest.mark.parametrize("name", MOVES)
def test_the_standing_foot_does_not_slide(name: str) -> None:
    dancers = make_couple(name)
    walks = dancers.lead, dancers.follow
    step = COUNTS_DANCED[1] - COUNTS_DANCED[0]
    for count in COUNTS_DANCED[:-1]:
        before, after = posed(dancers, count), posed(dancers, count + step)
        for role, walk in enumerate(walks):
            weight = walk.at(count).weight
            if abs(weight) > 0.999 and walk.at(count + step).weight == weight:
                ball = BODIES[role].number["ball_l" if weight < 0 else "ball_r"]
                assert (
                    np.linalg.norm(after[role].positions[ball] - before[role].positions[ball]) / step
                    < MAX_SLIDE_M_PER_BEAT
                ), count


@pytest.mark.parametrize("name", MOVES)
def test_no_foot_sinks_into_the_floor(name: str) -> None:
    dancers = make_couple(name)
    for count in COUNTS_DANCED:
        for body, bones in zip(BODIES, posed(dancers, count), strict=True):
            for side in "lr":
                ball = f"ball_{side}"
                assert bones.positions[body.number[ball]][1] > body.at(ball)[1] + SOLE_M - 1e-6


def test_the_hand_that_turns_her_passes_over_her_head() -> None:
    dancers = make_couple("right_turn")
    for count in (5.0, 5.5, 6.0, 6.5, 7.0):
        lead, follow = posed(dancers, count)
        hand = BODIES[0].palm_middle("l", lead)
        assert hand[1] > follow.positions[BODIES[1].number["head"]][1] + MIN_OVER_HEAD_M


def test_every_hold_of_a_move_exists() -> None:
    named = {name for move in MOVES.values() for keys in move(0.2).holds.values() for _, name in keys}
    assert named == set(HOLDS)


@given(st.floats(0.5, 4.0), st.floats(0.1, 1.0), st.floats(-2, 2))
@settings(deadline=None)  # a loaded machine exceeds the default of 200 ms
def test_a_spring_comes_to_rest_where_it_hangs(hertz: float, damping: float, jump: float) -> None:
    spring = Spring(hertz, damping)
    assert spring.follow(np.array([0.0])) == pytest.approx(0.0)
    behind = [float(spring.follow(np.array([jump]))[0]) for _ in range(600)]
    assert abs(behind[0]) <= abs(jump) + 1e-9
    assert behind[-1] == pytest.approx(0.0, abs=1e-2)
