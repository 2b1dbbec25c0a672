from __future__ import annotations

import pytest

from agents.move_indexing.dancers.detections import extent, is_partner, torso
from tests.unit.move_indexing.bodies import MakeBody


def test_torso_and_extent_are_in_pixels(body: MakeBody) -> None:
    assert torso(body(torso_px=60).xy) == pytest.approx(60, abs=1e-3)
    assert extent(body(torso_px=60).xy) == pytest.approx(60 * 3.05)


def test_a_couple_in_embrace_is_two_dancers(body: MakeBody) -> None:
    assert is_partner(body(x=300), body(x=335))


def test_the_same_body_again_is_no_partner(body: MakeBody) -> None:
    assert not is_partner(body(x=300), body(x=304, torso_px=62))


@pytest.mark.parametrize("torso_px", [20, 120])
def test_a_vase_or_a_giant_is_no_partner(body: MakeBody, torso_px: float) -> None:
    assert not is_partner(body(x=300), body(x=380, torso_px=torso_px))


def test_who_stands_across_the_room_is_no_partner(body: MakeBody) -> None:
    assert not is_partner(body(x=100), body(x=400))
    assert is_partner(body(x=100), body(x=300))
