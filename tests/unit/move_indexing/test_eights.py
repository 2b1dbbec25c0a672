from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from agents.move_indexing.dancers.tracks import Track, track_dancer
from agents.move_indexing.eights import couple_pose, eight_starts, eights
from agents.playable import Run
from tests.unit.move_indexing.bodies import MakeBody


def _counts(first: int, n: int) -> list[int]:
    return [(first + i - 1) % 8 + 1 for i in range(n)]


@pytest.mark.parametrize(
    ("first", "n", "starts"),
    [
        (1, 9, [0]),  # the ninth beat ends the eight
        (1, 8, []),
        (1, 25, [0, 8, 16]),
        (7, 25, [2, 10]),
        (7, 10, [0]),  # no whole eight after its 1: from the first beat
        (2, 13, [3]),  # from its 5
        (1, 0, []),
    ],
)
def test_whole_eights(first: int, n: int, starts: list[int]) -> None:
    assert eight_starts([Run(0, tuple(range(n)))], _counts(first, n)) == starts


def _tracks(
    body: MakeBody, shift: tuple[float, float] = (0, 0), scale: float = 1.0, missing: Iterable[int] = ()
) -> tuple[Track, Track]:
    times = [i / 10 for i in range(50)]
    lead = [body(300 * scale + shift[0], 200 * scale + shift[1], 60 * scale) for _ in times]
    partner = [body((360 + i) * scale + shift[0], 210 * scale + shift[1], 50 * scale) for i, _ in enumerate(times)]
    with_gaps = [None if i in missing else detection for i, detection in enumerate(partner)]
    return track_dancer(times, lead), track_dancer(times, with_gaps)


def test_a_pose_does_not_depend_on_position_and_size_in_the_picture(body: MakeBody) -> None:
    near, far = couple_pose(2.0, *_tracks(body)), couple_pose(2.0, *_tracks(body, (50, -30), 0.5))
    assert len(near) == 52
    np.testing.assert_allclose(near, far, atol=2e-4)


def test_a_pose_is_centred_on_the_hips_in_torso_lengths(body: MakeBody) -> None:
    pose = np.array(couple_pose(0.0, *_tracks(body))).reshape(2, 13, 2)
    np.testing.assert_allclose(pose[:, 7:9].mean(axis=(0, 1)), 0, atol=1e-3)
    torsos = np.linalg.norm(pose[:, 1:3].mean(axis=1) - pose[:, 7:9].mean(axis=1), axis=1)
    np.testing.assert_allclose(torsos, [60 / 55, 50 / 55], atol=1e-3)


def test_each_eight_has_the_poses_of_its_start_and_its_end(body: MakeBody) -> None:
    beats = [i * 0.5 for i in range(10)]
    lead, partner = _tracks(body)
    (eight,) = eights([Run(0, tuple(beats))], _counts(1, 10), lead, partner)
    assert eight.start_beat == 0
    assert eight.start_pose == couple_pose(0.0, lead, partner)
    assert eight.end_pose == couple_pose(4.0, lead, partner)
    assert eight.start_pose != eight.end_pose


def test_without_both_dancers_there_is_no_pose(body: MakeBody) -> None:
    lead, partner = _tracks(body, missing=range(15, 30))
    assert couple_pose(2.0, lead, partner) == ()
    assert len(couple_pose(1.0, lead, partner)) == 52
