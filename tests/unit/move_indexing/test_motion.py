from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from agents.arrays import Floats
from agents.move_indexing.dancers.dance import Dance
from agents.move_indexing.dancers.tracks import Track
from agents.move_indexing.motion.embedding import features
from agents.move_indexing.motion.estimate_level import pace_of, turns_per_bar
from agents.move_indexing.motion.posture import joint_angles
from agents.move_indexing.motion.rhythm import BEAT_SHARES, LAGS_BEATS, powers, repeats
from agents.move_indexing.motion.signals import correlation, heading
from agents.move_indexing.motion.summary import motion
from schemas.move_indexed import Dancers
from tests.unit.move_indexing.bodies import standing

TEMPO = 120.0
TIMES = np.arange(0, 8, 0.1)


def _track(
    sway: float = 0.0, turn_hz: float = 0.0, x: float = 300.0, seen: npt.NDArray[np.bool_] | None = None
) -> Track:
    """Somebody who sways over the picture once per eight beats and turns around the vertical."""
    flat = standing()
    xy = np.repeat((flat * 60 + [x, 200])[None], len(TIMES), axis=0)
    xy[:, :, 0] += sway * np.sin(2 * np.pi * TIMES / 4)[:, None]
    angle = 2 * np.pi * turn_hz * TIMES
    world = np.zeros((len(TIMES), 33, 3))
    world[:, :, 0] = flat[:, 0] * np.cos(angle)[:, None]
    world[:, :, 1] = flat[:, 1]
    world[:, :, 2] = flat[:, 0] * np.sin(angle)[:, None]
    return Track(TIMES, xy, world, np.ones(len(TIMES), bool) if seen is None else seen)


def _features(track: Track, partner: Track | None = None) -> Floats:
    other = partner or replace(track, seen=np.zeros(len(TIMES), bool))
    return features(Dance(track, track, other, Dancers(one=1, both=1)), TEMPO)


def test_features_are_finite_and_unknown_only_of_a_couple_that_is_none() -> None:
    together = _features(_track(sway=20), _track(sway=-20, x=380))
    alone = _features(_track(sway=20))
    assert together.shape == alone.shape
    assert np.isfinite(together).all()
    assert 60 < np.isnan(alone).sum() < 90


def test_features_do_not_depend_on_how_near_the_camera_is() -> None:
    near = _track(sway=20)
    far = replace(near, xy=near.xy / 2)
    np.testing.assert_allclose(_features(near), _features(far), atol=1e-5)


def test_a_mirrored_move_has_the_same_features() -> None:
    one, two = _track(sway=20, turn_hz=0.1), _track(sway=-30, x=380)
    np.testing.assert_allclose(_features(one, two), _features(_mirrored(one), _mirrored(two)), atol=1e-6)


def _mirrored(track: Track) -> Track:
    swapped = np.arange(33)
    for left in (11, 13, 15, 23, 25, 27):
        swapped[[left, left + 1]] = left + 1, left
    return replace(track, xy=([640, 0] + track.xy * [-1, 1])[:, swapped], world=(track.world * [-1, 1, 1])[:, swapped])


def test_unseen_moments_do_not_count() -> None:
    seen = np.ones(len(TIMES), bool)
    seen[-10:] = False
    track, spoiled = _track(sway=20, seen=seen), _track(sway=20, seen=seen)
    spoiled.xy[-5:] += 5000
    spoiled.world[-5:] *= -3
    np.testing.assert_allclose(_features(track), _features(spoiled), atol=1e-6)


def test_what_repeats_every_eight_beats_is_alike_after_eight_and_opposite_after_four() -> None:
    shares = dict(zip(LAGS_BEATS, repeats(_track(sway=20), TEMPO).reshape(-1, len(LAGS_BEATS))[2], strict=True))
    assert shares[8.0] > 0.95
    assert shares[4.0] < -0.95


@pytest.mark.parametrize("share", [0.125, 0.25, 0.5, 1.0])
def test_rhythm_tells_at_which_part_of_the_beat_a_body_moves(share: float) -> None:
    series = np.sin(2 * np.pi * share * TEMPO / 60 * TIMES)[:, None]
    assert BEAT_SHARES[int(powers(series, TIMES, TEMPO).argmax())] == share


def test_a_straight_arm_and_a_bent_one() -> None:
    world = np.zeros((1, 33, 3))
    world[0, [11, 13, 15]] = [(0, 0, 0), (0, 1, 0), (0, 2, 0)]
    world[0, [12, 14, 16]] = [(0, 0, 0), (0, 1, 0), (1, 1, 0)]
    assert joint_angles(world)[0, :2] == pytest.approx([np.pi, np.pi / 2], abs=1e-3)


def test_turns_are_counted() -> None:
    assert turns_per_bar(_track(turn_hz=0.25), TEMPO) == pytest.approx(0.5, rel=0.05)
    assert turns_per_bar(_track(), TEMPO) == pytest.approx(0, abs=1e-6)
    assert np.ptp(heading(_track(turn_hz=0.25).world, [11, 12])) == pytest.approx(2 * np.pi * 0.25 * 7.9, rel=1e-6)


def test_pace_grows_with_movement() -> None:
    assert pace_of(_track()) == pytest.approx(0)
    assert pace_of(_track(sway=40)) > 1.5 * pace_of(_track(sway=20)) > 0


def test_correlation_of_what_does_not_move_is_zero() -> None:
    assert correlation(np.ones(5), np.arange(5.0)) == 0
    assert correlation(np.arange(5.0), -np.arange(5.0)) == pytest.approx(-1)


def _who_stands(x: float, *, turned: bool = False, moves: float = 0.0) -> Track:
    times = np.arange(0, 8, 0.1)
    body = standing() * [-1 if turned else 1, 1]
    sway = np.sin(np.pi * times)[:, None, None] * np.array([moves, 0.0])
    xy = body * 60 + [x, 200] + sway * 60
    world = np.concatenate([np.repeat(body[None] * 0.5, len(times), axis=0), np.zeros((len(times), 33, 1))], axis=2)
    return Track(times, xy, world, np.ones(len(times), bool), 0.9, 0.8)


def test_a_couple_is_told_by_how_it_stands() -> None:
    dance = Dance(_who_stands(300), _who_stands(300), _who_stands(372, turned=True, moves=0.3), Dancers(one=1, both=1))
    said = motion(dance, TEMPO)
    assert said.lead is not None
    assert said.follow is not None
    assert said.couple is not None
    assert (said.lead.detected, said.lead.tracked, said.lead.confidence) == (0.9, 1.0, 0.8)
    assert said.lead.travel == said.lead.limb_speed == 0
    assert said.follow.travel == pytest.approx(0.3 * 2 * 2, rel=0.1)  # there and back in each of a bar's two seconds
    assert said.follow.limb_speed == pytest.approx(0.3 * 2, rel=0.1)
    assert said.couple.distance[1] == pytest.approx(1.2, abs=0.1)
    assert (said.couple.face_to_face, said.couple.same_direction, said.couple.close) == (1.0, 0.0, 0.0)
    assert 0.5 < said.couple.hands_joined < 1
    assert said.lead.joints["left_knee"].median_deg == pytest.approx(180, abs=1)
    assert 0 < said.energy < 1


def test_one_behind_the_other_looks_the_same_way() -> None:
    said = motion(Dance(_who_stands(300), _who_stands(300), _who_stands(320), Dancers(one=1, both=1)), TEMPO)
    assert said.couple is not None
    assert (said.couple.face_to_face, said.couple.same_direction, said.couple.close) == (0.0, 1.0, 1.0)


def test_who_is_hardly_seen_does_not_make_a_move_lively() -> None:
    restless = replace(_who_stands(360, moves=3.0), seen=np.arange(80) < 10)
    said = motion(Dance(_who_stands(300), _who_stands(300), restless, Dancers(one=1, both=0.1)), TEMPO)
    assert said.follow is not None
    assert said.follow.limb_speed > 1
    assert said.energy == 0
