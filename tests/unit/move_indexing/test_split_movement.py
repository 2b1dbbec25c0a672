"""How much dancers move is measured without knowing who is who."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.move_indexing.dancers.detections import FrameDetections
from agents.move_indexing.split.movement import Movement, movement_of
from tests.unit.move_indexing.bodies import MakeBody


def _movement(frames: list[FrameDetections]) -> Movement:
    return movement_of(frames)


def test_dancers_who_stand_still_have_no_speed(body: MakeBody) -> None:
    frames = [FrameDetections(n / 10, (body(200), body(400))) for n in range(20)]
    assert _movement(frames).speed.max() == 0.0


def test_the_order_of_detections_is_no_movement(body: MakeBody) -> None:
    pair = (body(200), body(400))
    frames = [FrameDetections(n / 10, pair[:: (-1) ** n]) for n in range(20)]
    assert _movement(frames).speed.max() == 0.0


def test_speed_is_in_body_heights_per_second(body: MakeBody) -> None:
    height = float(np.ptp(body().xy, axis=0).max())
    frames = [FrameDetections(n / 10, (body(200 + 0.05 * n * height),)) for n in range(20)]
    assert _movement(frames).speed[1:-1] == pytest.approx(0.5, rel=0.01)


def test_a_false_detection_that_jumps_beside_a_person_who_stands_is_no_movement(body: MakeBody) -> None:
    rng = np.random.default_rng(1)
    frames = [FrameDetections(n / 10, (body(200), body(400 + 100 * rng.random()))) for n in range(30)]
    assert _movement(frames).speed.max() < 0.02


def test_a_detection_that_fails_for_a_moment_is_no_absence(body: MakeBody) -> None:
    frames = [FrameDetections(n / 10, (body(),) if n not in {5, 6, 7, *range(12, 25)} else ()) for n in range(30)]
    present = _movement(frames).present
    assert present[:12].all()
    assert not present[12:25].any()


def test_postures_of_another_placing_differ(body: MakeBody) -> None:
    near, far = (FrameDetections(n / 10, (body(200), body(x))) for n, x in ((0, 260), (1, 500)))
    postures = _movement([near, replace(near, time_s=0.1), far]).postures
    assert np.array_equal(postures[0], postures[1])
    assert postures[2, -2] > 2 * postures[0, -2]
