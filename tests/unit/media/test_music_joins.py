"""Parts of a song are joined in phase and without a click, and the measures of a join tell good ones from bad."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.arrays import Floats
from agents.media.music_joins import MARGIN_S, join

RATE = 44_100
BEAT_S = 0.5
MARGIN = round(MARGIN_S * RATE)


def music(beats: int, bass_hz: float = 82.4, seed: int = 0, late_s: float = 0.0) -> Floats:
    """Return stereo music that repeats every eight beats: bass, a chord and strokes of noise; `late_s` before it."""
    rng = np.random.default_rng(seed)
    strokes = rng.normal(size=(2, round(0.05 * RATE))) * np.exp(-np.arange(round(0.05 * RATE)) / 600)
    eight = np.zeros((2, round(8 * BEAT_S * RATE)))
    t = np.arange(eight.shape[1]) / RATE
    period = 8 * BEAT_S
    for tone, loudness in ((bass_hz, 0.3), (3 * bass_hz, 0.1), (4.5 * bass_hz, 0.06)):
        whole = round(tone * period) / period  # so that its waves continue from one eight to the next
        eight += loudness * np.sin(2 * np.pi * whole * t + rng.uniform(0, 6))
    for n in range(16):
        at = round(n * BEAT_S / 2 * RATE)
        eight[:, at : at + strokes.shape[1]] += strokes * (0.2 if n % 2 else 0.35) * (1.5 if n % 4 == 0 else 1.0)
    repeated = np.tile(eight, beats // 8 + 1)[:, : round(beats * BEAT_S * RATE)]
    return np.concatenate([np.zeros((2, round(late_s * RATE))), repeated], axis=1)


def cut(song: Floats, start_s: float, end_s: float) -> Floats:
    """Return a part of a song with its margins."""
    first, last = round(start_s * RATE) - MARGIN, round(end_s * RATE) + MARGIN
    padded = np.pad(song, ((0, 0), (MARGIN, MARGIN)))
    return padded[:, first + MARGIN : last + MARGIN]


def test_the_same_music_goes_on_as_if_nothing_were_cut() -> None:
    song = music(64)
    joined, (made,) = join([cut(song, 4.0, 12.0), cut(song, 20.0, 28.0)], RATE)
    assert joined.shape[1] == 16 * RATE + MARGIN
    assert joined == pytest.approx(song[:, 4 * RATE : 20 * RATE + MARGIN], abs=1e-9)
    assert (made.time_s, made.shift_ms) == (8.0, 0.0)
    assert made.likeness == pytest.approx(1.0, abs=0.05)
    assert made.change < 0.5


@pytest.mark.parametrize("late_s", [0.004, -0.005])
def test_music_that_is_played_earlier_or_later_is_shifted_into_phase(late_s: float) -> None:
    song = music(32)
    later = music(32, late_s=0.1 + late_s)[:, round(0.1 * RATE) :]
    joined, (made,) = join([cut(song, 4.0, 8.0), cut(later, 4.0, 8.0)], RATE)
    assert made.shift_ms == pytest.approx(1000 * late_s, abs=0.05)
    assert joined[:, : 7 * RATE] == pytest.approx(song[:, 4 * RATE : 11 * RATE], abs=0.02)


def test_other_music_is_joined_without_a_click() -> None:
    """Where the waves do not fit, the sound bends no more at the join than it does elsewhere in both parts."""
    one, other = music(32, 82.4, seed=1), music(32, 69.3, seed=2)
    joined, (made,) = join([cut(one, 4.0, 12.0), cut(other, 4.0, 12.0)], RATE)
    jumps = np.abs(np.diff(joined, axis=1)).max(axis=0)
    around = round(8.0 * RATE)
    before_beat = jumps[around - round(0.1 * RATE) : around - round(0.01 * RATE)]
    elsewhere = jumps[around - round(0.2 * RATE) : around - round(0.11 * RATE)]
    assert before_beat.max() < 1.2 * elsewhere.max() < 0.01 * jumps.max()
    assert abs(made.shift_ms) <= 8.0


def test_the_stroke_on_the_beat_is_of_the_second_part_only() -> None:
    one, other = music(32, seed=1), music(32, seed=2)
    joined, (made,) = join([cut(one, 4.0, 8.0), cut(other, 8.0, 12.0)], RATE)
    shift, beat = round(made.shift_ms / 1000 * RATE), 4 * RATE
    expected = other[:, 8 * RATE + shift : 8 * RATE + shift + 2000]
    assert np.array_equal(joined[:, beat : beat + 2000], expected)
    before = beat - round(0.1 * RATE)
    assert np.array_equal(joined[:, :before], one[:, 4 * RATE : 4 * RATE + before])


def test_likeness_tells_the_same_music_from_other_music() -> None:
    song = music(64, seed=1)
    same = join([cut(song, 4.0, 12.0), cut(song, 20.0, 28.0)], RATE)[1][0]
    off_beat = join([cut(song, 4.0, 12.0), cut(song, 20.125, 28.0)], RATE)[1][0]
    assert same.likeness > 0.9
    assert off_beat.likeness < 0.3


def test_change_tells_a_join_from_a_sudden_one() -> None:
    """A join to much louder music changes the sound more than the strokes around; one to the same music does not."""
    song = music(64, seed=1)
    calm = join([cut(song, 4.0, 12.0), cut(song, 20.0, 28.0)], RATE)[1][0]
    quiet = song * 1e-3
    sudden = join([cut(quiet, 4.0, 12.0), cut(song, 20.0, 28.0)], RATE)[1][0]
    assert calm.change < 0.5
    assert sudden.change > 1.0


@settings(max_examples=15, deadline=None)
@given(lengths=st.lists(st.floats(1.0, 3.0), min_size=1, max_size=4), seed=st.integers(0, 100))
def test_parts_follow_each_other_at_their_lengths(lengths: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [rng.uniform(-1, 1, (2, round(length * RATE) + 2 * round(MARGIN_S * RATE))) for length in lengths]
    joined, joins = join(parts, RATE)
    samples = [round(length * RATE) for length in lengths]
    assert joined.shape[1] == pytest.approx(sum(samples) + round(MARGIN_S * RATE), abs=0.0081 * RATE)
    assert [round(one.time_s * RATE) for one in joins] == np.cumsum(samples)[:-1].tolist()
    assert np.abs(joined).max() <= np.sqrt(2) * max(np.abs(part).max() for part in parts)
    assert all(abs(one.shift_ms) <= 8.0 and -1 <= one.likeness <= 1 and one.change >= 0 for one in joins)


def test_silence_is_joined_to_silence() -> None:
    silent = np.zeros((2, 2 * RATE))
    joined, (made,) = join([silent, silent], RATE)
    assert not joined.any()
    assert (made.shift_ms, made.change) == (0.0, 0.0)
