from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from agents.arrays import Floats
from agents.move_indexing.dancers.dance import Dance
from agents.move_indexing.dancers.tracks import Track
from agents.move_indexing.motion.embedding import feature_vector
from agents.move_indexing.motion.estimate_level import limb_speed, turns_per_bar
from agents.move_indexing.motion.posture import joint_angles
from agents.move_indexing.motion.rhythm import CYCLES_PER_BEAT, LAGS_BEATS, autocorrelations, power_shares
from agents.move_indexing.motion.signals import correlation, heading
from agents.move_indexing.motion.summary import motion
from schemas.move_indexed import Dancers
from tests.unit.move_indexing.bodies import standing

TEMPO = 120.0
TIMES = np.arange(0, 8, 0.1)


def _track(
    sway: float = 0.0, turn_hz: float = 0.0, x: float = 300.0, tracked: npt.NDArray[np.bool_] | None = None
) -> Track:
    """Return the track of a dancer who sways across the picture once per eight beats and turns around the vertical."""
    flat = standing()
    xy = np.repeat((flat * 60 + [x, 200])[None], len(TIMES), axis=0)
    xy[:, :, 0] += sway * np.sin(2 * np.pi * TIMES / 4)[:, None]
    angle = 2 * np.pi * turn_hz * TIMES
    world = np.zeros((len(TIMES), 33, 3))
    world[:, :, 0] = flat[:, 0] * np.cos(angle)[:, None]
    world[:, :, 1] = flat[:, 1]
    world[:, :, 2] = flat[:, 0] * np.sin(angle)[:, None]
    return Track(TIMES, xy, world, np.ones(len(TIMES), bool) if tracked is None else tracked)


def _features(track: Track, partner: Track | None = None) -> Floats:
    other = partner or replace(track, tracked=np.zeros(len(TIMES), bool))
    return feature_vector(Dance(track, track, other, Dancers(one=1, both=1)), TEMPO)


def test_features_are_finite_except_couple_features_of_a_single_dancer() -> None:
    together = _features(_track(sway=20), _track(sway=-20, x=380))
    alone = _features(_track(sway=20))
    assert together.shape == alone.shape
    assert np.isfinite(together).all()
    assert 60 < np.isnan(alone).sum() < 90


def test_features_do_not_depend_on_the_distance_to_the_camera() -> None:
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


def test_untracked_samples_do_not_count() -> None:
    tracked = np.ones(len(TIMES), bool)
    tracked[-10:] = False
    track, changed = _track(sway=20, tracked=tracked), _track(sway=20, tracked=tracked)
    changed.xy[-5:] += 5000
    changed.world[-5:] *= -3
    np.testing.assert_allclose(_features(track), _features(changed), atol=1e-6)


def test_a_sway_of_eight_beats_is_equal_after_eight_and_opposite_after_four() -> None:
    correlations = autocorrelations(_track(sway=20), TEMPO).reshape(-1, len(LAGS_BEATS))[2]
    by_lag = dict(zip(LAGS_BEATS, correlations, strict=True))
    assert by_lag[8.0] > 0.95
    assert by_lag[4.0] < -0.95


@pytest.mark.parametrize("cycles_per_beat", [0.125, 0.25, 0.5, 1.0])
def test_power_is_largest_at_the_frequency_of_the_motion(cycles_per_beat: float) -> None:
    series = np.sin(2 * np.pi * cycles_per_beat * TEMPO / 60 * TIMES)[:, None]
    assert CYCLES_PER_BEAT[int(power_shares(series, TIMES, TEMPO).argmax())] == cycles_per_beat


def test_a_straight_arm_and_a_bent_one() -> None:
    world = np.zeros((1, 33, 3))
    world[0, [11, 13, 15]] = [(0, 0, 0), (0, 1, 0), (0, 2, 0)]
    world[0, [12, 14, 16]] = [(0, 0, 0), (0, 1, 0), (1, 1, 0)]
    assert joint_angles(world)[0, :2] == pytest.approx([np.pi, np.pi / 2], abs=1e-3)


def test_turns_are_counted() -> None:
    assert turns_per_bar(_track(turn_hz=0.25), TEMPO) == pytest.approx(0.5, rel=0.05)
    assert turns_per_bar(_track(), TEMPO) == pytest.approx(0, abs=1e-6)
    assert np.ptp(heading(_track(turn_hz=0.25).world, [11, 12])) == pytest.approx(2 * np.pi * 0.25 * 7.9, rel=1e-6)


def test_limb_speed_grows_with_movement() -> None:
    assert limb_speed(_track()) == pytest.approx(0)
    assert limb_speed(_track(sway=40)) > 1.5 * limb_speed(_track(sway=20)) > 0


def test_correlation_with_a_constant_is_zero() -> None:
    assert correlation(np.ones(5), np.arange(5.0)) == 0
    assert correlation(np.arange(5.0), -np.arange(5.0)) == pytest.approx(-1)


def _standing_track(x: float, *, turned: bool = False, sway_torsos: float = 0.0) -> Track:
    times = np.arange(0, 8, 0.1)
    body = standing() * [-1 if turned else 1, 1]
    sway = np.sin(np.pi * times)[:, None, None] * np.array([sway_torsos, 0.0])
    xy = body * 60 + [x, 200] + sway * 60
    world = np.concatenate([np.repeat(body[None] * 0.5, len(times), axis=0), np.zeros((len(times), 33, 1))], axis=2)
    return Track(times, xy, world, np.ones(len(times), bool), 0.9, 0.8)


def test_the_summary_measures_dancers_and_couple() -> None:
    lead, follow = _standing_track(300), _standing_track(372, turned=True, sway_torsos=0.3)
    summary = motion(Dance(lead, lead, follow, Dancers(one=1, both=1)), TEMPO)
    assert summary.lead is not None
    assert summary.follow is not None
    assert summary.couple is not None
    assert (summary.lead.detected, summary.lead.tracked, summary.lead.confidence) == (0.9, 1.0, 0.8)
    assert summary.lead.travel == summary.lead.limb_speed == 0
    assert summary.follow.travel == pytest.approx(0.3 * 2 * 2, rel=0.1)  # there and back in each of a bar's two seconds
    assert summary.follow.limb_speed == pytest.approx(0.3 * 2, rel=0.1)
    assert summary.couple.distance[1] == pytest.approx(1.2, abs=0.1)
    assert (summary.couple.face_to_face, summary.couple.same_direction, summary.couple.close) == (1.0, 0.0, 0.0)
    assert 0.5 < summary.couple.hands_joined < 1
    assert summary.lead.joints["left_knee"].median_deg == pytest.approx(180, abs=1)
    assert 0 < summary.energy < 1


def test_one_dancer_behind_the_other_has_the_same_direction() -> None:
    lead, follow = _standing_track(300), _standing_track(320)
    summary = motion(Dance(lead, lead, follow, Dancers(one=1, both=1)), TEMPO)
    assert summary.couple is not None
    assert (summary.couple.face_to_face, summary.couple.same_direction, summary.couple.close) == (0.0, 1.0, 1.0)


def test_a_dancer_tracked_for_a_short_time_does_not_raise_the_energy() -> None:
    restless = replace(_standing_track(360, sway_torsos=3.0), tracked=np.arange(80) < 10)
    summary = motion(Dance(_standing_track(300), _standing_track(300), restless, Dancers(one=1, both=0.1)), TEMPO)
    assert summary.follow is not None
    assert summary.follow.limb_speed > 1
    assert summary.energy == 0
