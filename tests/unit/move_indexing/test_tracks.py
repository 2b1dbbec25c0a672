from __future__ import annotations

import numpy as np
import pytest

from agents.move_indexing.dancers.tracks import track_dancer
from tests.unit.move_indexing.bodies import MakeBody


def test_a_short_gap_is_interpolated_and_a_long_one_is_not(body: MakeBody) -> None:
    times = [i / 10 for i in range(31)]
    missing = {5, 6, 7, *range(15, 25)}
    track = track_dancer(times, [None if i in missing else body(x=100 + 10 * i) for i in range(31)])
    assert track.tracked[:15].all()
    assert not track.tracked[15:25].any()
    assert track.tracked[25:].all()
    np.testing.assert_allclose(track.xy[6, 0, 0], 160)


def test_uneven_times_are_resampled_to_ten_per_second(body: MakeBody) -> None:
    times = [0.0, 0.125, 0.208, 0.292, 0.417, 0.5]
    track = track_dancer(times, [body(x=1000 * t) for t in times])
    np.testing.assert_allclose(track.times, np.arange(6) / 10)
    np.testing.assert_allclose(track.xy[:, 0, 0], 1000 * track.times, atol=1e-6)
    assert track.tracked.all()


@pytest.mark.parametrize("times", [[], [0.0], [0.0, 0.1, 0.2]])
def test_without_detections_no_sample_is_tracked(times: list[float]) -> None:
    track = track_dancer(times, [None] * len(times))
    assert not track.tracked.any()
    assert track.xy.shape == (len(track.times), 33, 2)


def test_a_single_detection_is_tracked_only_at_its_own_time(body: MakeBody) -> None:
    track = track_dancer([0.0, 0.1, 0.2], [None, body(), None])
    assert track.tracked.tolist() == [False, True, False]


def test_the_tracked_share_begins_with_the_first_picture(body: MakeBody) -> None:
    times = [5 + n / 10 for n in range(21)]
    track = track_dancer(times, [body() if n >= 10 else None for n in range(21)])
    assert len(track.times) == 71
    assert track.tracked_share == pytest.approx(11 / 21)
