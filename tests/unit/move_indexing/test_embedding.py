from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from agents.move_indexing.dancers.dance import Dance, analyze_dance
from agents.move_indexing.dancers.detections import FrameDetections
from agents.move_indexing.motion import embedding
from agents.move_indexing.motion.embedding import AUDIO_VALUES, MOTION_VALUES, embed, feature_groups, standardized
from agents.move_indexing.motion.version import VERSION
from schemas.faults import Poison
from tests.unit.move_indexing.bodies import BLUE, MakeBody

AUDIO = tuple(np.ones(AUDIO_VALUES) / AUDIO_VALUES**0.5)


def _dance(body: MakeBody, reach: float = 30.0, *, alone: bool = False) -> Dance:
    frames = []
    for i in range(40):
        lead = body(x=300 + reach * np.sin(i / 4), torso_px=62)
        partner = body(x=380 + reach * np.sin(i / 4 + 1), torso_px=55, colour=BLUE)
        frames.append(FrameDetections(i / 10, (lead,) if alone else (lead, partner)))
    return analyze_dance(frames)


def test_an_embedding_has_512_values_and_length_1(body: MakeBody) -> None:
    values = np.array(embed(_dance(body), 125.0, AUDIO))
    assert values.shape == (512,)
    assert np.linalg.norm(values) == pytest.approx(1, abs=1e-5)
    assert (values[:MOTION_VALUES] ** 2).sum() == pytest.approx(0.8, abs=1e-4)


def test_without_sound_only_motion_counts(body: MakeBody) -> None:
    values = np.array(embed(_dance(body), 125.0, None))
    assert not values[MOTION_VALUES:].any()
    assert np.linalg.norm(values) == pytest.approx(1, abs=1e-5)


def test_a_single_dancer_has_an_embedding(body: MakeBody) -> None:
    dance = _dance(body, alone=True)
    assert not dance.is_couple
    assert np.isnan(feature_groups(dance, 125.0)["couple"]["axis"]).all()
    assert np.linalg.norm(embed(dance, 125.0, AUDIO)) == pytest.approx(1, abs=1e-5)


def test_similar_motion_is_nearer_than_different_motion(body: MakeBody) -> None:
    calm, similar, wild = (np.array(embed(_dance(body, reach), 125.0, AUDIO)) for reach in (10, 12, 90))
    assert calm @ similar > calm @ wild


def test_one_extreme_feature_does_not_dominate_the_others(body: MakeBody) -> None:
    groups, changed = (feature_groups(_dance(body), 125.0) for _ in range(2))
    changed["posture"]["angles"][3] = 1e9
    median, deviation = np.zeros(400), np.ones(400)
    assert standardized(groups, median, deviation) @ standardized(changed, median, deviation) > 0.99


def test_the_taller_dancer_is_the_lead_and_shares_are_as_detected(body: MakeBody) -> None:
    dance = _dance(body)
    assert np.median(dance.lead.xy[:, 0, 0]) < np.median(dance.follow.xy[:, 0, 0])
    assert dance.dancers.both == 1.0


def test_a_body_that_is_detected_twice_is_one_dancer(body: MakeBody) -> None:
    frames = [FrameDetections(i / 10, (body(x=300), body(x=303, colour=BLUE))) for i in range(10)]
    shares = analyze_dance(frames).dancers
    assert (shares.one, shares.both) == (1.0, 0.0)
    apart = [FrameDetections(1 + i / 10, (body(x=300), body(x=380, colour=BLUE))) for i in range(10)]
    assert analyze_dance([*frames, *apart]).dancers.both == 0.5


@pytest.mark.parametrize(("count", "detected"), [(40, 11), (4, 4), (0, 0)])
def test_too_few_detections_are_refused(body: MakeBody, count: int, detected: int) -> None:
    frames = [FrameDetections(i / 10, (body(),) if i < detected else ()) for i in range(count)]
    with pytest.raises(Poison, match="shows both dancers") as fault:
        analyze_dance(frames)
    assert fault.value.reason == "nobody"


def test_changed_constants_need_a_new_version() -> None:
    constants = Path(embedding.__file__).with_name("scales.json").read_bytes()
    sha256_of_version = {2: "12c8d7ddb58829d1b0b092ac68c0919bb272b4db36a5e628e3ed32e783d26be9"}
    assert hashlib.sha256(constants).hexdigest() == sha256_of_version[VERSION]
