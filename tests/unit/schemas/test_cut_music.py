"""The parts of a song that is cut are as long as the dance, whose times run on through the joins."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.base import MediaFacts, Options
from schemas.sequence_planned import MusicPart, Plan, SequencePlanned

SHA = "a" * 64


def plan(music: list[tuple[float, float]], start_s: float, end_s: float) -> Plan:
    part = {
        "move": "m", "clip": "c", "clip_sha256": SHA, "stretch": 1.0,
        "song_beats": [start_s, end_s], "clip_beats": [0.0, end_s - start_s],
    }  # fmt: skip
    fields: dict[str, Any] = {
        "tempo_bpm": 120,
        "library_version": "v",
        "segments": [part],
        "clips": {SHA: [0.0, end_s - start_s]},
        "music": [{"start_s": start, "end_s": end} for start, end in music],
    }
    return Plan.model_validate(fields)


@given(
    gaps=st.lists(st.tuples(st.floats(0, 50), st.floats(1.001, 50)), min_size=1, max_size=8),
    shares=st.lists(st.floats(0.0, 0.999), min_size=1, max_size=5),
)
def test_what_is_heard_is_inside_the_parts_in_turn(gaps: list[tuple[float, float]], shares: list[float]) -> None:
    at, music = 0.0, []
    for before, length in gaps:
        music.append((at + before, at + before + length))
        at += before + length
    start_s, length_s = music[0][0], sum(end - start for start, end in music)
    made = plan(music, start_s, start_s + length_s)
    times = sorted(start_s + share * length_s for share in shares)
    heard = [made.heard_at(time_s) for time_s in times]
    assert all(any(start - 1e-6 <= time_s <= end + 1e-6 for start, end in music) for time_s in heard)
    assert all(a <= b for a, b in pairwise(heard))
    assert heard[0] >= times[0] - 1e-6


def test_times_run_on_through_a_join() -> None:
    made = plan([(1.0, 3.0), (10.0, 12.0)], 1.0, 5.0)
    assert [made.heard_at(time_s) for time_s in (1.0, 2.5, 3.0, 4.5, 5.0)] == [1.0, 2.5, 10.0, 11.5, 12.0]


def test_without_parts_the_song_is_heard_as_it_is() -> None:
    assert plan([], 1.0, 5.0).heard_at(3.3) == 3.3


@pytest.mark.parametrize(
    ("music", "message"),
    [
        ([(1.0, 3.0), (10.0, 12.1)], "last as long"),
        ([(1.1, 3.1), (10.0, 12.0)], "begin where"),
        ([(1.0, 1.5), (10.0, 13.5)], "must last 1.0 s"),
        ([(1.0, 7.0), (10.0, 8.0)], "must last 1.0 s"),
    ],
)
def test_parts_that_do_not_fit_the_dance_are_refused(music: list[tuple[float, float]], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        plan(music, 1.0, 5.0)


def test_the_parts_must_be_inside_the_song() -> None:
    song = MediaFacts(sha256=SHA, size_bytes=1, kind="audio", format="wav", codec="pcm", duration_s=20)
    made = plan([(1.0, 3.0), (40.0, 42.0)], 1.0, 5.0)
    with pytest.raises(ValidationError, match="the segments end at 42"):
        SequencePlanned(request_id="r", song=song, title="t", options=Options(), plan=made)
    assert made.music[1] == MusicPart(start_s=40.0, end_s=42.0)
