from __future__ import annotations

import numpy as np

from agents.move_indexing.dancers.detections import Detection, FrameDetections
from agents.move_indexing.dancers.survey import Survey, somebody_stands_still
from tests.unit.move_indexing.bodies import RED, standing


def _body(x: float, size: float = 60.0) -> Detection:
    return Detection(standing() * size + [x, 300], np.zeros((33, 3)), RED)


def _dancer(x: float, time_s: float, size: float = 60.0) -> Detection:
    return _body(x + 20 * np.sin(3 * time_s), size)


def _chosen(survey: Survey, time_s: float, people: list[Detection], tracked: int) -> tuple[int, ...]:
    assert survey.is_due(time_s)
    return survey.choose(time_s, people, tracked)


def test_a_survey_is_due_once_a_second() -> None:
    survey = Survey()
    times = [n / 10 for n in range(25)]
    due = [time_s for time_s in times if survey.is_due(time_s) and survey.choose(time_s, [], 0) == ()]
    assert due == [0.0, 1.0, 2.0]


def test_a_partner_who_comes_late_replaces_a_poster_beside_the_dancer() -> None:
    survey, poster = Survey(), _body(100)
    for time_s in (0.0, 1.0):
        assert _chosen(survey, time_s, [_dancer(200, time_s), poster], 2) == (0, 1)
    assert _chosen(survey, 2.0, [_dancer(200, 2.0), poster, _dancer(290, 2.0)], 2) == (0, 2)


def test_a_couple_replaces_a_larger_bystander_who_was_there_first() -> None:
    survey, bystander = Survey(), _body(100, size=75)
    for time_s in (0.0, 1.0):
        assert _chosen(survey, time_s, [bystander], 1) == (0,)
    assert _chosen(survey, 2.0, [bystander, _dancer(700, 2.0), _dancer(790, 2.0)], 1) == (1, 2)


def test_a_reflection_does_not_replace_the_couple_in_front_of_the_mirror() -> None:
    survey = Survey()
    for time_s in (0.0, 1.0, 2.0):
        couple = [_dancer(300, time_s), _dancer(390, time_s)]
        reflection = [_dancer(480, time_s, 40), _dancer(540, time_s, 40)]
        assert _chosen(survey, time_s, couple + reflection, 2) == (0, 1)


def test_a_couple_that_pauses_is_not_replaced_by_a_dancer_behind() -> None:
    survey = Survey()
    for number in range(6):
        time_s = min(number, 2)  # they stand still from 2 s on
        couple = [_dancer(300, time_s), _dancer(390, time_s)]
        assert _chosen(survey, float(number), [*couple, _dancer(470, number, 45)], 2) == (0, 1)


def test_two_tracks_of_one_body_make_place_for_the_partner() -> None:
    survey = Survey()
    dancer, slid = _dancer(300, 0.0), _body(305, 56)
    assert _chosen(survey, 0.0, [dancer, slid, _dancer(390, 0.0)], 2) == (0, 2)


def test_a_poster_stands_still_and_dancers_do_not() -> None:
    def frames(poster: bool) -> list[FrameDetections]:
        times = [n / 10 for n in range(30)]
        return [FrameDetections(t, (_dancer(300, t), _body(200) if poster else _dancer(390, t))) for t in times]

    assert somebody_stands_still(frames(poster=True))
    assert not somebody_stands_still(frames(poster=False))
    assert not somebody_stands_still([])
