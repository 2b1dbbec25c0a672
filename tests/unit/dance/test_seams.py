"""How well two states of a couple fit: chances of a difference, mirror images, and grades in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.dance.rules import default_rules
from agents.dance.seams import UNKNOWN_CHANCE, chance_of_difference, seam_amounts
from agents.dance.states import State, States, states_of
from schemas.boundary import Boundary, DancerState, JoinedHands

RULES = default_rules()


def boundary(**values: Any) -> Boundary:
    """Return a state of which all is surely known, but for what is given."""
    lead = DancerState(heading_deg=80, free_foot="left", free_foot_confidence=1.0, hip_velocity=(0.2, 0.1))
    follow = DancerState(heading_deg=260, free_foot="right", free_foot_confidence=1.0, hip_velocity=(0.3, 0.1))
    known = {
        "beat": 0,
        "hold": "closed",
        "hold_confidence": 1.0,
        "facing": "face_to_face",
        "facing_confidence": 1.0,
        "lead": lead,
        "follow": follow,
        "centre": (0.4, 0.5),
        "height": 0.7,
    }
    return Boundary.model_validate(known | values)


def amounts(before: Boundary | None, after: Boundary | None, mirrored: bool = False) -> dict[str, float]:
    """Return the amounts of a cut between two states, the second one mirrored or not."""
    pose = tuple(np.linspace(-1, 1, 52).tolist())
    found = seam_amounts(states_of([State(before, pose)]), states_of([State(after, pose, mirrored)]), RULES)
    return {name: float(values[0, 0]) for name, values in found.items()}


def test_the_same_state_has_no_fault() -> None:
    assert amounts(boundary(), boundary()) == pytest.approx(dict.fromkeys(amounts(None, None), 0.0), abs=1e-9)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"hold": "shadow"}, "hold"),
        ({"facing": "same_way"}, "facing"),
        ({"lead": DancerState(heading_deg=80, free_foot="right", free_foot_confidence=1.0)}, "foot"),
        ({"follow": DancerState(heading_deg=260, free_foot="left", free_foot_confidence=1.0)}, "foot"),
        ({"lead": DancerState(heading_deg=260, free_foot="left", free_foot_confidence=1.0)}, "facing"),
    ],
)
def test_a_sure_difference_has_amount_1(change: dict[str, Any], rule: str) -> None:
    assert amounts(boundary(), boundary(**change))[rule] == pytest.approx(1.0)


def test_the_same_hold_with_another_hand_differs() -> None:
    left = boundary(hold="open_one_hand", hands=(JoinedHands(lead="left", follow="right", confidence=0.9),))
    right = boundary(hold="open_one_hand", hands=(JoinedHands(lead="right", follow="left", confidence=0.9),))
    assert amounts(left, left)["hold"] == pytest.approx(0.0)
    assert amounts(left, right)["hold"] == pytest.approx(0.81)
    assert amounts(left, right, mirrored=True)["hold"] == pytest.approx(0.0), "in the mirror it is the same hand"


def test_a_mirrored_clip_has_the_other_foot_heading_and_side() -> None:
    found = amounts(boundary(), boundary(), mirrored=True)
    assert found["foot"] == 1.0
    assert found["facing"] == pytest.approx(160 / 180), "80 degrees are 280 in the mirror"
    assert found["place"] == pytest.approx(0.2 / 0.25)
    assert found["velocity"] == pytest.approx(0.6)
    assert found["hold"] == found["facing"] - 160 / 180 == pytest.approx(0.0)
    mirrored = boundary(
        lead=DancerState(heading_deg=280, free_foot="right", free_foot_confidence=1.0, hip_velocity=(-0.2, 0.1)),
        follow=DancerState(heading_deg=100, free_foot="left", free_foot_confidence=1.0, hip_velocity=(-0.3, 0.1)),
        centre=(0.6, 0.5),
    )
    found = amounts(boundary(), mirrored, mirrored=True)
    assert {name: value for name, value in found.items() if name != "pose"} == pytest.approx(
        dict.fromkeys(set(found) - {"pose"}, 0.0), abs=1e-9
    )


def test_a_pose_in_the_mirror_of_its_mirror_image_is_itself() -> None:
    pose = tuple(np.random.default_rng(1).normal(size=52).tolist())
    once = states_of([State(None, pose, mirrored=True)])
    twice = states_of([State(None, tuple(once.pose[0].tolist()), mirrored=True)])
    assert twice.pose[0] == pytest.approx(pose)
    joints = np.array(pose).reshape(2, 13, 2)
    assert once.pose[0].reshape(2, 13, 2)[:, 1] == pytest.approx(joints[:, 2] * [-1, 1]), "left shoulder: the right one"
    assert once.pose[0].reshape(2, 13, 2)[:, 0] == pytest.approx(joints[:, 0] * [-1, 1]), "the nose"


def test_what_is_not_known_is_neither_for_nor_against() -> None:
    found = amounts(None, boundary())
    assert found["hold"] == found["foot"] == found["facing"] == UNKNOWN_CHANCE
    assert all(np.isfinite(value) and value > 0 for name, value in found.items() if name != "pose")


@given(st.integers(2, 9), st.floats(0, 1), st.floats(0, 1))
def test_the_chance_of_a_difference_is_that_of_all_values(values: int, one: float, two: float) -> None:
    def chances(value: int, confidence: float) -> np.ndarray:
        of_each = np.full(values, (1 - confidence) / (values - 1))
        of_each[value] = confidence
        return of_each

    for before, after in ((0, 0), (0, 1)):
        expected = 1 - float(chances(before, one) @ chances(after, two))
        found = chance_of_difference(np.array([before]), np.array([after]), np.array([one]), np.array([two]), values)
        assert found[0, 0] == pytest.approx(min(expected, 0.4) if before == after else expected, abs=1e-9)


def test_states_are_taken_by_rows() -> None:
    states: States = states_of([State(boundary(hold=hold)) for hold in ("closed", "shadow", "none")])
    assert states.rows(np.array([2, 0])).hold.tolist() == [8, 0]
