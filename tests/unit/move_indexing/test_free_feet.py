"""Tests of the free foot of each dancer, on the demo couple, whose steps are known exactly."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from agents.move_indexing.dancers.tracks import Track
from agents.move_indexing.steps.foot_motion import LAGS, foot_motion
from agents.move_indexing.steps.free_feet import FreeFoot, free_feet, in_shadow
from tests.paths import DEMO
from tests.unit.move_indexing.bodies import standing
from tests.unit.move_indexing.demo_steps import demo_steps

_BOUNDARIES = json.loads((DEMO / "boundaries.json").read_text())["boundaries"]
_MIRRORED = ["basic_side", "lady_left_turn", "cross_body_lead", "combination"]


@pytest.mark.parametrize("clip", [*_MIRRORED, "shadow_position"])
def test_the_free_foot_is_the_one_that_steps_on_the_beat(clip: str) -> None:
    steps = demo_steps(clip)
    lead, follow = free_feet(steps.dance.lead, steps.dance.follow, steps.beats, steps.counts, 1.0)
    truth = [boundary for boundary in _BOUNDARIES if boundary["clip"] == clip]
    for boundary in truth:
        assert lead[boundary["beat"]].side == boundary["lead_free_foot"]
        assert follow[boundary["beat"]].side == boundary["follow_free_foot"]
        assert lead[boundary["beat"]].confidence > 0.9
    assert len(lead) == len(follow) == len(steps.beats)


def test_a_wrong_count_that_is_unsure_does_not_hide_what_the_feet_do() -> None:
    steps = demo_steps("basic_side")
    counts = [(count + 3) % 8 + 1 for count in steps.counts]
    lead, follow = free_feet(steps.dance.lead, steps.dance.follow, steps.beats, counts, 0.4)
    assert (lead[8].side, follow[8].side) == ("left", "right")


def test_the_free_foot_of_a_dancer_out_of_sight_follows_from_the_count_and_the_partner() -> None:
    steps = demo_steps("basic_side")
    untracked = replace(steps.dance.follow, tracked=np.zeros_like(steps.dance.follow.tracked))
    _, follow = free_feet(steps.dance.lead, untracked, steps.beats, steps.counts, 0.9)
    assert [follow[beat].side for beat in (0, 4, 8)] == ["right", "left", "right"]
    assert 0.8 < follow[8].confidence < 0.97


def test_without_any_dancer_and_count_the_free_foot_is_a_guess() -> None:
    steps = demo_steps("basic_side")
    untracked = replace(steps.dance.lead, tracked=np.zeros_like(steps.dance.lead.tracked))
    lead, _ = free_feet(untracked, untracked, steps.beats, steps.counts, 0.2)
    assert max(foot.confidence for foot in lead) < 0.65


def test_with_less_than_two_beats_no_foot_is_known() -> None:
    steps = demo_steps("basic_side")
    assert free_feet(steps.dance.lead, steps.dance.follow, (1.0,), (1,), 1.0)[0] == ((None, 0.0),)


def test_the_left_foot_moves_before_a_1_and_the_right_one_before_a_2() -> None:
    steps = demo_steps("basic_side")
    motion = foot_motion(steps.dance.lead, steps.dance.follow, steps.beats)
    assert motion.left.shape == motion.tracked_share.shape == (len(LAGS), len(steps.beats))
    on_time = motion.left[list(LAGS).index(0.0)]
    assert on_time[8] > 0.3 > -0.3 > on_time[9]


def test_in_shadow_position_the_clearer_dancer_tells_the_foot_of_both() -> None:
    unclear, clear = FreeFoot("right", 0.6), FreeFoot("left", 0.95)
    lead, follow = in_shadow(unclear, clear, 1.0)
    assert (lead.side, follow.side) == ("left", "left")
    assert 0.8 < lead.confidence < follow.confidence < 0.95
    assert in_shadow(unclear, clear, 0.0) == (unclear, clear)


@pytest.mark.parametrize("confidence", [0.0, 0.5, 1.0])
def test_in_shadow_position_a_foot_that_nothing_tells_stays_unknown(confidence: float) -> None:
    unknown, known = FreeFoot(None, 0.0), FreeFoot("left", 0.95)
    for feet in ((unknown, unknown), (unknown, known), (known, unknown)):
        assert in_shadow(*feet, confidence) == feet


def test_the_free_foot_is_less_sure_where_steps_land_half_a_beat_from_the_beats() -> None:
    steps = demo_steps("basic_side")
    early = [beat + 0.5 * (steps.beats[1] - steps.beats[0]) for beat in steps.beats]
    on_time, between = (
        free_feet(steps.dance.lead, steps.dance.follow, beats, steps.counts, 0.9)[0] for beats in (steps.beats, early)
    )
    assert between[9].confidence < on_time[9].confidence - 0.05


def test_the_feet_of_a_dancer_who_hides_the_partner_and_seems_to_face_the_camera_tell_nothing() -> None:
    beats = tuple(float(beat) for beat in np.arange(1.0, 7.0, 0.5))
    front, hidden = _standing(tracked_until_s=8.0), _standing(tracked_until_s=4.0)
    share = foot_motion(front, hidden, beats).tracked_share[list(LAGS).index(0.0)]
    assert share[beats.index(3.5)] == pytest.approx(1.0)
    assert share[beats.index(5.5)] == 0.0
    assert foot_motion(front, _standing(tracked_until_s=0.0), beats).tracked_share.min() == pytest.approx(1.0)


def _standing(tracked_until_s: float) -> Track:
    times = np.arange(80) / 10
    xy = np.tile(standing() * 60 + 300, (80, 1, 1))
    return Track(times, xy, np.concatenate([xy / 100, np.zeros((80, 33, 1))], axis=2), times < tracked_until_s)
