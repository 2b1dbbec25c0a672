from __future__ import annotations

import numpy as np
import pytest

from agents.move_indexing.dancers.tracks import follow
from tests.unit.move_indexing.bodies import MakeBody


def test_a_short_gap_is_bridged_and_a_long_one_is_not(body: MakeBody) -> None:
    times = [i / 10 for i in range(31)]
    missing = {5, 6, 7, *range(15, 25)}
    track = follow(times, [None if i in missing else body(x=100 + 10 * i) for i in range(31)])
    assert track.seen[:15].all()
    assert not track.seen[15:25].any()
    assert track.seen[25:].all()
    np.testing.assert_allclose(track.xy[6, 0, 0], 160)


def test_uneven_times_come_out_ten_a_second(body: MakeBody) -> None:
    times = [0.0, 0.125, 0.208, 0.292, 0.417, 0.5]
    track = follow(times, [body(x=1000 * t) for t in times])
    np.testing.assert_allclose(track.times, np.arange(6) / 10)
    np.testing.assert_allclose(track.xy[:, 0, 0], 1000 * track.times, atol=1e-6)
    assert track.seen.all()


@pytest.mark.parametrize("times", [[], [0.0], [0.0, 0.1, 0.2]])
def test_who_is_never_seen_has_a_track_of_nothing(times: list[float]) -> None:
    track = follow(times, [None] * len(times))
    assert not track.seen.any()
    assert track.xy.shape == (len(track.times), 33, 2)


def test_a_single_sighting_is_seen_at_its_own_moment_only(body: MakeBody) -> None:
    track = follow([0.0, 0.1, 0.2], [None, body(), None])
    assert track.seen.tolist() == [False, True, False]
