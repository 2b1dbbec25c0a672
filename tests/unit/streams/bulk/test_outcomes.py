"""The summary of a list: its lines and its JSON."""

from __future__ import annotations

from pathlib import Path

from streams.bulk.outcomes import SongOutcome, Summary
from streams.bulk.requests import is_cached, seconds_of
from streams.files.songs import Song

_LONG = f"{'folder/' * 10}song.mp3"
_SUMMARY = Summary(
    (
        SongOutcome(Song("a.mp3"), "done", "song-a", Path("/out/a.mp4"), 30.0, 2.5),
        SongOutcome(Song("b.mp3"), "cached", "song-b", Path("/out/b.mp4"), 30.0),
        SongOutcome(Song("c.mp3"), "copy", "song-a", Path("/out/a.mp4"), 30.0, copy_of="a.mp3"),
        SongOutcome(Song("bad.mp3"), "failed", "song-c", reason="not_media", error="it is no media"),
        SongOutcome(Song(_LONG), "cancelled", "song-d", error="the request was cancelled"),
    ),
    12.34,
)


def test_the_summary_has_each_video_once_and_a_table_of_what_failed_and_why() -> None:
    assert list(_SUMMARY.lines()) == [
        "/out/a.mp4",
        "/out/b.mp4",
        f"{'song':40}  reason     error",
        f"{'bad.mp3':40}  not_media  it is no media",
        f"…{_LONG[-39:]}  cancelled  the request was cancelled",
        "5 songs in 12.3 s: 1 done, 1 done before, 1 copies of others, 1 cancelled, 1 failed",
    ]


def test_a_summary_without_failures_has_no_table() -> None:
    assert list(Summary(_SUMMARY.outcomes[:1], 1.0).lines()) == ["/out/a.mp4", "1 songs in 1.0 s: 1 done"]


def test_the_json_has_all_songs_with_their_reasons() -> None:
    found = _SUMMARY.as_json()
    assert found["counts"] == {"done": 1, "cached": 1, "copy": 1, "cancelled": 1, "failed": 1}
    assert found["songs"][0] == {
        "song": "a.mp3",
        "alternative": 0,
        "status": "done",
        "request_id": "song-a",
        "video": "/out/a.mp4",
        "duration_s": 30.0,
        "seconds": 2.5,
        "reason": None,
        "error": None,
        "dead_letter_id": None,
        "copy_of": None,
    }
    assert [(song["reason"], song["error"]) for song in found["songs"][3:]] == [
        ("not_media", "it is no media"),
        (None, "the request was cancelled"),
    ]


def test_an_outcome_says_in_a_few_words_what_became_of_the_song() -> None:
    words = ["2.50 s", "done before", "copy of a.mp3", "it is no media", "the request was cancelled"]
    assert [str(outcome) for outcome in _SUMMARY.outcomes] == words


def test_a_song_is_cached_although_its_outcome_is_delivered_by_a_webhook() -> None:
    steps = {"rendering": {"cached": True, "seconds": 1.0}, "outcome_delivery": {"cached": False, "seconds": 9.0}}
    assert is_cached({"steps": steps})
    assert seconds_of({"steps": steps}) == 1.0
