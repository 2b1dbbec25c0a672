from __future__ import annotations

import pytest

from agents.move_indexing.dancers.detections import extent, is_partner, torso_length
from tests.unit.move_indexing.bodies import MakeBody


def test_torso_and_extent_are_in_pixels(body: MakeBody) -> None:
    assert torso_length(body(torso_px=60).xy) == pytest.approx(60, abs=1e-3)
    assert extent(body(torso_px=60).xy) == pytest.approx(60 * 3.05)


def test_both_dancers_of_a_couple_in_embrace_are_partners(body: MakeBody) -> None:
    assert is_partner(body(x=300), body(x=335))


def test_a_second_detection_of_a_body_is_not_a_partner(body: MakeBody) -> None:
    assert not is_partner(body(x=300), body(x=304, torso_px=62))


@pytest.mark.parametrize("torso_px", [20, 120])
def test_a_body_of_another_size_is_not_a_partner(body: MakeBody, torso_px: float) -> None:
    assert not is_partner(body(x=300), body(x=380, torso_px=torso_px))


def test_a_person_far_away_is_not_a_partner(body: MakeBody) -> None:
    assert not is_partner(body(x=100), body(x=400))
    assert is_partner(body(x=100), body(x=300))
