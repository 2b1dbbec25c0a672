"""The dance grid, especially its ends, and its slots."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.dance.dance_grid import dance_grid_of
from agents.dance.music import Request, music_of
from agents.dance.rules import default_rules
from agents.dance.slots import Slot, cut_slots
from schemas.audio_analyzed import Accent
from schemas.base import Options
from tests.unit.move_scoring.builders import make_analysis, make_move
from tests.unit.sequence_planning.builders import make_scores

EIGHTS = [1, 2, 3, 4, 5, 6, 7, 8]  # at 125 BPM: 0.48 s per beat


@pytest.mark.parametrize(
    ("first_s", "times", "counts"),
    [
        (0.0, (0.0, 0.48), (1, 2)),
        (0.20, (0.0, 0.68), (1, 2)),
        (0.30, (0.0, 0.30, 0.78), (8, 1, 2)),
        (0.60, (0.0, 0.60), (8, 1)),
        (1.10, (0.0, 0.62, 1.10), (7, 8, 1)),
        (1.30, (0.0, 0.34, 0.82, 1.30), (6, 7, 8, 1)),
    ],
)
def test_the_grid_of_a_full_song_begins_at_0(first_s: float, times: tuple[float, ...], counts: tuple[int, ...]) -> None:
    grid = dance_grid_of(make_analysis(EIGHTS * 3, first_s=first_s), Options(duration="full"))
    assert grid.times[: len(times)] == pytest.approx(times)
    assert grid.counts[: len(counts)] == counts
    assert grid.counts[-grid.first] == 1, "the first detected beat"


@pytest.mark.parametrize(
    ("tail_s", "after_last_beat", "share"),
    [
        (0.01, (), 1.0),  # shorter than a frame: the beat before becomes a little longer
        (0.10, (0.10,), 0.10 / 0.48),
        (0.48, (0.48,), 1.0),
        (0.53, (0.53,), 1.0),  # no additional beat for a tenth of a beat
        (0.72, (0.48, 0.72), 0.5),
        (1.20, (0.48, 0.96, 1.20), 0.5),
    ],
)
def test_the_grid_of_a_full_song_ends_at_its_end(
    tail_s: float, after_last_beat: tuple[float, ...], share: float
) -> None:
    song = make_analysis(EIGHTS * 3, first_s=0.0, tail_s=tail_s)
    grid = dance_grid_of(song, Options(duration="full"))
    ends = (23 * 0.48, *(23 * 0.48 + after for after in after_last_beat)) if after_last_beat else (song.duration_s,)
    assert grid.times[23:] == pytest.approx(ends)
    assert grid.times[-1] == song.duration_s
    assert grid.last_share == pytest.approx(share, abs=1e-6)


def test_the_dance_lasts_as_long_as_the_music_in_whole_beats() -> None:
    song = make_analysis(EIGHTS * 3, first_s=15.0, tail_s=20.0)
    found = song.model_copy(update={"music_start_s": 14.3, "music_end_s": 27.7})
    grid = dance_grid_of(found, Options(duration="full"))
    assert grid.times[0] == pytest.approx(15.0 - 0.48)
    assert grid.times[-1] == pytest.approx(15.0 + 26 * 0.48)
    assert np.diff(grid.times) == pytest.approx(0.48)
    assert (grid.first, grid.last_share, len(grid.counts)) == (-1, 1.0, len(grid.times))


def test_an_excerpt_ends_with_the_music() -> None:
    song = make_analysis(EIGHTS * 3, first_s=15.0, tail_s=60.0).model_copy(update={"music_end_s": 27.0})
    assert dance_grid_of(song, Options(duration="1min")).times[-1] <= 27.0


def test_an_excerpt_begins_on_the_first_one_and_ends_on_the_nearest_one() -> None:
    song = make_analysis([6, 7, 8, *EIGHTS * 20], first_s=2.0)
    grid = dance_grid_of(song, Options(duration="30s"))
    assert grid.times[0] == song.beats[3]
    assert grid.times[-1] - grid.times[0] == pytest.approx(64 * 0.48)
    assert set(grid.times) <= set(song.beats)
    assert grid.first == 3


def test_an_excerpt_of_a_short_song_ends_at_its_end() -> None:
    song = make_analysis([7, 8, *EIGHTS], tail_s=1.0)
    grid = dance_grid_of(song, Options(duration="1min"))
    assert (grid.times[0], grid.times[-1]) == (song.beats[2], song.duration_s)


def test_an_excerpt_of_a_song_without_a_one_begins_on_its_first_beat() -> None:
    song = make_analysis([2, 3, 4] * 10)
    assert dance_grid_of(song, Options(duration="30s")).times[0] == song.beats[0]


def test_beats_after_the_songs_end_are_dropped() -> None:
    song = make_analysis(EIGHTS * 2).model_copy(update={"duration_s": 5.0})
    assert dance_grid_of(song, Options(duration="full")).times[-1] == 5.0


def slots_of(counts: list[int]) -> tuple[Slot, ...]:
    song = make_analysis(counts, first_s=0.0, tail_s=0.48)
    scores = make_scores(song, [make_move(1)])
    return cut_slots(dance_grid_of(song, Options(duration="full")), scores.phrases)


@pytest.mark.parametrize(
    ("counts", "slots"),
    [
        ([*EIGHTS, *EIGHTS], [(8, 0, 0, 0), (8, 0, 0, 1)]),
        ([5, 6, 7, 8, *EIGHTS], [(4, 4, 0, 0), (8, 0, 0, 1)]),
        ([*EIGHTS, 1, 2, 3, 4], [(8, 0, 0, 0), (4, 0, 0, 1)]),
        ([*EIGHTS, 1, 2, 3, 4, *EIGHTS], [(8, 0, 0, 0), (4, 0, 0, 1), (8, 0, 0, 2)]),
        ([*EIGHTS, 5, 6, 7, 8, *EIGHTS], [(8, 0, 0, 0), (4, 0, 8, 0), (8, 0, 0, 1)]),
        ([*EIGHTS, 8, *EIGHTS], [(8, 0, 0, 0), (8, 0, 0, 1)]),
        ([*EIGHTS, *EIGHTS, 8, 8], [(8, 0, 0, 0), (8, 0, 0, 1)]),
        ([*EIGHTS, 7, 8, 8, *EIGHTS], [(8, 0, 0, 0), (8, 0, 0, 1)]),
        ([1, 2, 3, 4, 4, 4, 5, 6, 7, 8, *EIGHTS], [(8, 0, 0, 0), (8, 0, 0, 1)]),
        ([1, 2, 3, 4, 4, *EIGHTS], [(4, 0, 0, 0), (8, 0, 0, 1)]),
        ([*EIGHTS, 8, 8, 8, 8, *EIGHTS], [(8, 0, 0, 0), (4, 0, 8, 0), (8, 0, 0, 1)]),
        ([1, 2, 3, 4, *EIGHTS], [(4, 0, 0, 0), (8, 0, 0, 1)]),
    ],
    ids=[
        "whole",
        "head",
        "tail",
        "break",
        "twelve",
        "nine",
        "ten at the end",
        "eleven",
        "long first half",
        "long break",
        "unclear counts",
        "cut short",
    ],
)
def test_slots(counts: list[int], slots: list[tuple[int, int, int, int]]) -> None:
    assert [(slot.beats, slot.eight_offset, slot.phrase_offset, slot.phrase) for slot in slots_of(counts)] == slots


def test_a_beat_is_held_on_surplus_beats() -> None:
    first, second, third = slots_of([1, 2, 3, 4, 4, 5, 6, 7, 8, *EIGHTS, 8, 8, *EIGHTS])
    assert first.times == pytest.approx([index * 0.48 for index in (0, 1, 2, 3, 5, 6, 7, 8, 9)])
    held = [span for slot in (first, second, third) for span in slot.held]
    assert np.array(held) == pytest.approx(0.48 * np.array([(4, 5), (17, 19)]))


def test_what_is_held_is_no_slower_tempo_and_hits_no_accent() -> None:
    song = make_analysis([*EIGHTS, 8, 8, *EIGHTS], first_s=0.0, tail_s=0.48)
    accents = tuple(Accent(time_s=song.beats[beat], strength=0.9) for beat in (7, 8, 10))
    song = song.model_copy(update={"accents": accents})
    asked = Request.of(Options(duration="full"), default_rules())
    slots = cut_slots(dance_grid_of(song, asked.options), make_scores(song, [make_move(1)]).phrases)
    first, _ = music_of(slots, song, asked)
    assert first.seconds == pytest.approx(8 * 0.48)
    assert first.accents == pytest.approx((7.0, 8.0)), "on the 8 and on the next 1"


@settings(deadline=None)
@given(counts=st.lists(st.integers(1, 8), min_size=2, max_size=80))
def test_each_beat_of_any_song_is_danced_or_held_for_three_more_at_most(counts: list[int]) -> None:
    song = make_analysis(counts, first_s=0.0, tail_s=0.48)
    grid = dance_grid_of(song, Options(duration="full"))
    assert sorted([*grid.times[:-1], *grid.surplus]) == list(song.beats)
    assert [song.beats[grid.number(index)] for index in range(len(grid.times) - 1)] == list(grid.times[:-1])
    assert max(np.diff(grid.times)) <= 4 * 0.48 + 1e-3
    assert 1 not in {song.counts[song.beats.index(time)] for time in grid.surplus}


def test_fewer_than_four_beats_at_an_end_belong_to_the_slot_beside_them() -> None:
    (only,) = slots_of([6, 7, 8, *EIGHTS, 1, 2])
    assert (only.beats, only.eight_offset, only.phrase) == (8, 0, 1)
    assert only.before == pytest.approx((0.0, 0.48, 0.96))
    assert only.times[0] == pytest.approx(1.44)
    assert only.after == pytest.approx((12 * 0.48, 13 * 0.48))
