"""Tests of the choice of the lead of two dancers."""

from __future__ import annotations

import numpy as np
import pytest

from agents.arrays import Floats
from agents.move_indexing.dancers.detections import ANKLES, TOES
from agents.move_indexing.dancers.tracks import Track
from agents.move_indexing.dancers.who_leads import probability_of_lead
from tests.unit.move_indexing.bodies import standing

_SAMPLES = 20


def _body(torso_px: float, foot_px: float) -> Floats:
    """Return the landmarks of a dancer who stands on the same floor whatever the size: (33, 2)."""
    xy: Floats = standing() * torso_px
    xy += [300, 400 - xy[ANKLES, 1].max()]
    xy[TOES] += [foot_px, 0]
    return xy


def _track(xy: Floats, tracked: int = _SAMPLES) -> Track:
    times = np.arange(_SAMPLES) / 10
    return Track(times, np.tile(xy, (_SAMPLES, 1, 1)), np.zeros((_SAMPLES, 33, 3)), np.arange(_SAMPLES) < tracked)


def test_the_taller_dancer_with_longer_feet_leads() -> None:
    tall, short = _track(_body(66, 26)), _track(_body(60, 22))
    assert probability_of_lead(tall, short) > 0.95
    assert probability_of_lead(short, tall) < 0.05


def test_the_taller_dancer_leads_also_where_the_ankles_are_found_too_high() -> None:
    tall, short = _body(66, 26), _body(60, 22)
    tall[ANKLES, 1] -= 40
    assert probability_of_lead(_track(tall), _track(short)) > 0.8


def test_dancers_of_one_size_leave_it_open_who_leads() -> None:
    assert probability_of_lead(_track(_body(60, 22)), _track(_body(60, 22))) == pytest.approx(0.5)


def test_who_leads_is_unsure_where_one_dancer_is_hardly_tracked() -> None:
    assert probability_of_lead(_track(_body(60, 22), 2), _track(_body(66, 26))) == pytest.approx(0.4)
