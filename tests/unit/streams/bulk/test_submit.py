"""Songs that are submitted without being followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.faults import Retryable
from streams.bulk.submit import Submission, submit_songs
from streams.files.songs import alternatives_of, find_songs
from tests.unit.streams.bulk.lists import ListOfSongs


@pytest.fixture
def songs(tmp_path: Path) -> ListOfSongs:
    return ListOfSongs(tmp_path)


def _submit(songs: ListOfSongs, paths: list[str]) -> list[Submission]:
    return list(submit_songs(songs.requests(), find_songs(paths).songs))


def test_each_song_is_submitted_once_in_order_and_a_bad_one_hinders_no_other(songs: ListOfSongs) -> None:
    [first, second] = songs.write("a.mp3", "b.mp3")
    submissions = _submit(songs, [first, "no.mp3", second, first])
    assert [found.status for found in submissions] == ["submitted", "failed", "submitted", "copy"]
    assert (submissions[1].reason, submissions[1].error) == ("not_found", "no.mp3: there is no such file")
    assert [request.title for request in songs.stream.songs] == ["a", "b"]
    assert submissions[3].request_id == submissions[0].request_id


def test_a_second_submission_is_the_same_request(songs: ListOfSongs) -> None:
    paths = songs.write("a.mp3", "b.mp3", "c.mp3")
    first = _submit(songs, paths)
    songs.stream.begin(songs.stream.songs[0])
    songs.stream.end(songs.stream.songs[1])
    songs.stream.fail(songs.stream.songs[2], "silence")
    second = _submit(songs, paths)
    assert [found.status for found in second] == ["running", "cached", "submitted"]
    assert [found.request_id for found in second[:2]] == [found.request_id for found in first[:2]]
    assert second[2].request_id == f"{first[2].request_id}.2"
    assert len(songs.stream.songs) == 4


def test_songs_that_were_submitted_before_kafka_went_away_are_known(songs: ListOfSongs) -> None:
    paths = songs.write(*(f"{number}.mp3" for number in range(60)))
    found = submit_songs(songs.requests(), find_songs(paths).songs)
    submitted = [next(found) for _ in range(50)]
    songs.stream.is_away = True
    with pytest.raises(Retryable):
        next(found)
    assert {request.request_id for request in songs.stream.songs} == {done.request_id for done in submitted}


def test_alternatives_of_a_song_are_requests_of_their_own(songs: ListOfSongs) -> None:
    [path] = songs.write("a.mp3")
    wanted = alternatives_of(find_songs([path]).songs, 3)
    submissions = list(submit_songs(songs.requests(seed=7), wanted))
    assert [found.status for found in submissions] == ["submitted"] * 3
    assert [found.as_json()["alternative"] for found in submissions] == [0, 1, 2]
    assert [(request.options.alternative, request.options.seed) for request in songs.stream.songs] == [
        (0, 7),
        (1, 7),
        (2, 7),
    ]
    again = list(submit_songs(songs.requests(seed=7), wanted))
    assert [found.request_id for found in again] == [found.request_id for found in submissions]
