"""Cuts of a dance into moves: between eights, where the dancers rest or their movement changes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.arrays import Bools, Floats
from agents.move_indexing.split.cuts import Beats, best_cuts, cut_costs
from agents.move_indexing.split.dancing import dancing_spans
from agents.move_indexing.split.movement import Movement
from agents.move_indexing.split.parts import MusicPiece, parts_of

_RATE_HZ, _BEAT_S = 10.0, 0.5


def _movement(speed: Floats, present: Bools | None = None, postures: Floats | None = None) -> Movement:
    times = np.arange(len(speed)) / _RATE_HZ
    return Movement(
        times,
        speed,
        np.ones(len(speed), bool) if present is None else present,
        np.zeros((len(speed), 16)) if postures is None else postures,
    )


def _piece(start_s: float, end_s: float, first_count: int = 1) -> MusicPiece:
    beats = np.arange(start_s, end_s, _BEAT_S)
    counts = (np.arange(len(beats)) + first_count - 1) % 8 + 1
    return MusicPiece(start_s, end_s, beats, counts.astype(np.int64), 60 / _BEAT_S)


def _dancing(*seconds: float) -> Floats:
    """Return the speed of dancing for the first number of seconds, standing for the next, and so on."""
    rng = np.random.default_rng(1)
    parts = [
        (0.3 if n % 2 == 0 else 0.004) * rng.uniform(0.7, 1.3, round(length * _RATE_HZ))
        for n, length in enumerate(seconds)
    ]
    return np.concatenate(parts)


def test_a_pause_of_the_dancers_divides_the_dance() -> None:
    parts = parts_of(_movement(_dancing(8, 2, 8)), [_piece(0, 18)])
    edges = [edge for part in parts for edge in (part.start_s, part.end_s)]
    assert edges == pytest.approx([0, 8, 10, 18], abs=0.3)


def test_a_pose_held_for_two_beats_is_part_of_the_dance() -> None:
    spans = dancing_spans(_movement(_dancing(8, 0.8, 8)), [(0, 17)])
    assert np.array(spans).ravel() == pytest.approx([0.0, 16.8], abs=0.2)


def test_an_empty_room_and_a_stop_of_the_music_are_pauses() -> None:
    speed = _dancing(30)
    present = np.ones(300, bool)
    present[90:110] = False
    spans = dancing_spans(_movement(speed, present), [(0, 18), (20, 30)])
    assert np.array(spans).ravel() == pytest.approx([0, 9, 11, 18, 20, 30], abs=0.2)


def test_a_dance_of_less_than_eight_counts_is_no_part() -> None:
    assert parts_of(_movement(_dancing(3, 4, 8)), [_piece(0, 15)])[0].start_s == pytest.approx(7, abs=0.6)


def test_without_music_there_are_no_parts() -> None:
    assert parts_of(_movement(_dancing(20)), []) == []


def test_a_dance_begins_on_the_one_that_is_near() -> None:
    speed = np.concatenate([_dancing(0, 2.3), _dancing(9.7)])
    assert parts_of(_movement(speed), [_piece(0, 12, first_count=5)])[0].start_s == pytest.approx(2.0)


def test_eights_of_one_movement_stay_together() -> None:
    assert len(parts_of(_movement(_dancing(24)), [_piece(0, 24)])) == 1


def test_another_movement_is_another_part_from_its_one_on() -> None:
    rng = np.random.default_rng(2)
    postures = rng.normal(0, 0.1, (160, 16)) + np.where(np.arange(160) < 81, -1.0, 1.0)[:, None]
    parts = parts_of(_movement(_dancing(16), postures=postures), [_piece(0, 16)])
    assert [part.start_s for part in parts] == [0.0, 8.0]


def test_a_dance_of_more_than_eight_eights_is_cut_before_a_one() -> None:
    piece = _piece(0, 100, first_count=3)
    parts = parts_of(_movement(_dancing(100)), [piece])
    assert max(part.counts for part in parts) <= 64.5
    ones = piece.beats[piece.counts == 1]
    assert all(np.abs(ones - part.start_s).min() < 1e-6 for part in parts[1:])


@given(
    costs=st.lists(st.floats(-3, 3), min_size=10, max_size=150),
    first=st.floats(-0.9, 0.0),
)
def test_cuts_make_parts_of_8_to_64_counts(costs: list[float], first: float) -> None:
    at = np.array([first, *range(1, len(costs))], float)
    cuts = best_cuts(at, np.array(costs))
    lengths = [at[end] - at[start] for start, end in pairwise([0, *cuts, len(at) - 1])]
    assert all(7.5 <= length <= 64.5 for length in lengths)


@given(costs=st.lists(st.floats(-3, 3), min_size=10, max_size=34))
def test_no_other_cuts_have_a_smaller_sum(costs: list[float]) -> None:
    at = np.arange(len(costs), dtype=float)

    def least(end: int) -> float:
        """Return the least sum of the costs of cuts before `end`, tried one by one."""
        sums = [least(start) + costs[start] for start in range(1, end) if end - start >= 8]
        return min([*sums, 0.0 if end >= 8 else np.inf])

    found = best_cuts(at, np.array(costs))
    assert sum(costs[n] for n in found) == pytest.approx(least(len(costs) - 1))


def test_a_cut_costs_least_before_the_one() -> None:
    zeros = np.zeros(8)
    costs = cut_costs(Beats(np.arange(1, 9), zeros, zeros))
    assert costs.argmin() == 0
    assert costs[4] == np.sort(costs)[1]
