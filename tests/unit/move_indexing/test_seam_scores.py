"""Test the labels of boundaries, and the figures that are computed from them."""

from __future__ import annotations

import numpy as np
import pytest

from schemas.base import Hold
from schemas.boundary import Boundary, DancerState, Facing, JoinedHands, Side
from tests.quality.seam_eights import exact_eights
from tests.quality.seam_labels import BoundaryLabel, boundary_labels, count_labels, demo_labels
from tests.quality.seam_pairs import is_whole, pose_costs
from tests.quality.seam_scores import (
    Answer,
    Measured,
    agreement,
    auc,
    calibration,
    foot_answers,
    hands_f,
    hold_answers,
    majority_share,
    share_right,
    sure,
)

BOTH: frozenset[tuple[Side, Side]] = frozenset({("left", "right"), ("right", "left")})


def label(hold: Hold | None = "closed", hands: frozenset[tuple[Side, Side]] | None = BOTH) -> BoundaryLabel:
    return BoundaryLabel(
        clip="one", time_s=1.0, hold=hold, hands=hands, facing="across", lead_heading_deg=0, follow_heading_deg=90,
        lead_free_foot="left", follow_free_foot=None,
    )  # fmt: skip


def state(
    hold: Hold | None = "closed", facing: Facing = "across", foot: Side = "left", confidence: float = 0.9
) -> Boundary:
    dancer = DancerState(
        heading_deg=0, free_foot=foot, free_foot_confidence=confidence, hip_velocity=(0, 0), place=(0.5, 0.5),
        in_picture=True, feet_in_picture=True,
    )  # fmt: skip
    hands = (JoinedHands(lead="left", follow="right", confidence=0.9),)
    return Boundary(
        beat=0, hold=hold, hold_confidence=confidence, hands=hands,
        facing=facing, facing_confidence=confidence, lead=dancer, follow=dancer,
    )  # fmt: skip


def test_what_is_not_labelled_is_not_measured() -> None:
    assert list(hold_answers(Measured(label(hold=None), state()))) == []
    assert list(foot_answers(Measured(label(), state()))) == [Answer(True, 0.9)]  # hers is not labelled
    assert np.isnan(hands_f([Measured(label(hands=None), state())]))


def test_a_hold_that_is_not_found_is_wrong() -> None:
    answers = list(hold_answers(Measured(label(), state(hold=None))))
    assert share_right(answers) == 0.0


def test_one_of_two_joined_pairs_gives_an_f_of_two_thirds() -> None:
    assert hands_f([Measured(label(), state())]) == pytest.approx(2 / 3)


def test_the_majority_is_the_most_frequent_labelled_hold() -> None:
    rows = [Measured(label(hold), state()) for hold in ("closed", "closed", "wrap", None)]
    assert majority_share(rows) == pytest.approx(2 / 3)


def test_a_confidence_is_in_one_range_and_the_highest_is_in_the_last() -> None:
    answers = [Answer(True, 1.0), Answer(False, 0.9), Answer(True, 0.49)]
    assert calibration(answers).split() == ["1", "1.00", "0", "-", "0", "-", "0", "-", "2", "0.50"]
    assert sure(answers) == answers[:2]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [((3.0, 2.0, 1.0), 1.0), ((1.0, 2.0, 3.0), 0.0), ((1.0, 1.0, 1.0), 0.5), ((2.0, 2.0, 1.0), 0.75)],
)
def test_the_auc_is_the_share_of_pairs_in_order(scores: tuple[float, ...], expected: float) -> None:
    assert auc(np.array(scores), np.array([True, False, False])) == pytest.approx(expected)


def test_states_agree_best_with_the_same_and_any_difference_costs() -> None:
    states = [state(), state(), state(hold="wrap"), state(facing="same_way"), state(foot="right")]
    first = agreement(states)[0]
    assert first[1] > max(first[2:])
    assert agreement([state(), state(confidence=0.5)])[0, 1] < first[1]


def test_an_unknown_pose_costs_an_average_jump() -> None:
    still, moved = (0.0, 0.0) * 26, (0.3, 0.4) * 26
    assert pose_costs([still, moved, ()]).round(6).tolist() == [[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.5]]


def test_there_are_enough_labels_and_they_do_not_contradict_themselves() -> None:
    labels = boundary_labels()
    assert sum(each.labelled == "twice" for each in labels) >= 60
    assert len({(each.clip, each.time_s) for each in labels}) == len(labels)
    for each in labels:
        assert not (each.hold == "none" and each.hands), each
        assert not (each.hold == "open_one_hand" and each.hands is not None and len(each.hands) != 1), each
        assert not (each.hold == "crossed_hands" and each.hands and each.hands <= BOTH), each


def test_a_label_is_whole_if_all_that_a_fit_depends_on_is_known() -> None:
    assert all(is_whole(each) for each in demo_labels() if (each.clip, each.time_s) != ("dip", 4.3344))
    assert not is_whole(label())


def test_labelled_beats_have_their_steps() -> None:
    for each in count_labels():
        assert len(each.beats_s) == len(each.lead_steps) == len(each.follow_steps)
        assert each.count_of_beat_0 or not each.sure, each.clip


def test_each_demo_clip_has_two_exact_eights_in_order() -> None:
    eights = list(exact_eights())
    assert len(eights) == 24
    for first, second in zip(eights[::2], eights[1::2], strict=True):
        assert first.clip == second.clip
        assert first.start_s < (first.effect_s or 1.0) < second.start_s
