from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from agents.move_indexing.dancers.dance import Dance, analyze_dance
from agents.move_indexing.dancers.detections import FrameDetections
from agents.move_indexing.motion import embedding
from agents.move_indexing.motion.embedding import AUDIO_VALUES, MOTION_VALUES, embed, measured, scaled
from schemas.faults import Poison
from tests.unit.move_indexing.bodies import BLUE, MakeBody

AUDIO = tuple(np.ones(AUDIO_VALUES) / AUDIO_VALUES**0.5)


def _dance(body: MakeBody, reach: float = 30.0, *, alone: bool = False) -> Dance:
    moments = []
    for i in range(40):
        lead = body(x=300 + reach * np.sin(i / 4), torso_px=62)
        partner = body(x=380 + reach * np.sin(i / 4 + 1), torso_px=55, colour=BLUE)
        moments.append(FrameDetections(i / 10, (lead,) if alone else (lead, partner)))
    return analyze_dance(moments)


def test_it_has_512_values_and_length_1(body: MakeBody) -> None:
    values = np.array(embed(_dance(body), 125.0, AUDIO))
    assert values.shape == (512,)
    assert np.linalg.norm(values) == pytest.approx(1, abs=1e-5)
    assert (values[:MOTION_VALUES] ** 2).sum() == pytest.approx(0.8, abs=1e-4)


def test_without_sound_all_of_it_is_motion(body: MakeBody) -> None:
    values = np.array(embed(_dance(body), 125.0, None))
    assert not values[MOTION_VALUES:].any()
    assert np.linalg.norm(values) == pytest.approx(1, abs=1e-5)


def test_a_dancer_alone_has_an_embedding_too(body: MakeBody) -> None:
    dance = _dance(body, alone=True)
    assert not dance.is_couple
    assert np.isnan(measured(dance, 125.0)["couple"]["axis"]).all()
    assert np.linalg.norm(embed(dance, 125.0, AUDIO)) == pytest.approx(1, abs=1e-5)


def test_like_motion_is_nearer_than_other_motion(body: MakeBody) -> None:
    calm, calm_too, wild = (np.array(embed(_dance(body, reach), 125.0, AUDIO)) for reach in (10, 12, 90))
    assert calm @ calm_too > calm @ wild


def test_one_wild_feature_does_not_drown_the_others(body: MakeBody) -> None:
    groups, spoiled = (measured(_dance(body), 125.0) for _ in range(2))
    spoiled["posture"]["angles"][3] = 1e9
    usual, scale = np.zeros(400), np.ones(400)
    assert scaled(groups, usual, scale) @ scaled(spoiled, usual, scale) > 0.99


def test_the_taller_dancer_leads_and_shares_are_as_detected(body: MakeBody) -> None:
    dance = _dance(body)
    assert np.median(dance.lead.xy[:, 0, 0]) < np.median(dance.follow.xy[:, 0, 0])
    assert dance.dancers.both == 1.0


@pytest.mark.parametrize(("frames", "seen"), [(40, 11), (4, 4), (0, 0)])
def test_nobody_is_refused(body: MakeBody, frames: int, seen: int) -> None:
    moments = [FrameDetections(i / 10, (body(),) if i < seen else ()) for i in range(frames)]
    with pytest.raises(Poison, match="shows both dancers") as fault:
        analyze_dance(moments)
    assert fault.value.reason == "nobody"


def test_other_constants_are_another_version() -> None:
    constants = Path(embedding.__file__).with_name("scales.json").read_bytes()
    known = {2: "12c8d7ddb58829d1b0b092ac68c0919bb272b4db36a5e628e3ed32e783d26be9"}
    assert hashlib.sha256(constants).hexdigest() == known[embedding.VERSION]
