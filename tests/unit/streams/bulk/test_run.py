"""A list of songs: some at a time, each song alone, and only what is missing when it is run again."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.faults import Poison, Retryable
from schemas.song_submitted import SongSubmitted
from streams.bulk.run import BulkRun
from streams.files.songs import alternatives_of, find_songs
from tests.unit.streams.bulk.lists import Display, ListOfSongs, statuses


@pytest.fixture
def songs(tmp_path: Path) -> ListOfSongs:
    return ListOfSongs(tmp_path)


def test_at_most_so_many_songs_are_in_progress_and_the_next_follows_each_outcome(songs: ListOfSongs) -> None:
    run = songs.start(songs.write(*(f"{number}.mp3" for number in range(10))), parallel=3)
    for ended in range(8):
        run.cycle()
        assert len(songs.stream.songs) == 3 + ended
        assert len(run.in_progress) == 3
        songs.stream.end(songs.stream.songs[ended])
        run.cycle()
    assert statuses(songs.finish(run)) == ["done"] * 10
    assert {request.priority for request in songs.stream.songs} == {"bulk"}


def test_a_song_that_fails_fails_alone_with_its_reason(songs: ListOfSongs) -> None:
    paths = songs.write("a.mp3", "bad.mp3", "b.mp3")
    run = songs.start([*paths, "no.mp3", "ftp://example.org/a.mp3"])
    run.cycle()
    songs.stream.fail(songs.stream.songs[1], "not_media", "it is not media")
    outcomes = songs.finish(run)
    assert statuses(outcomes) == ["done", "failed", "done", "failed", "failed"]
    assert [outcome.reason for outcome in outcomes] == [None, "not_media", None, "not_found", "url_not_allowed"]
    assert outcomes[1].error == "it is not media"
    assert outcomes[3].error == "there is no such file"


def test_the_same_content_twice_is_one_request(songs: ListOfSongs) -> None:
    [first, other] = songs.write("a.mp3", "b.mp3")
    (songs.folder / "copy.mp3").write_text("a.mp3")
    url = "https://example.org/a.mp3"
    outcomes = songs.run([first, str(songs.folder / "copy.mp3"), url, other, first, url])
    assert statuses(outcomes) == ["done", "copy", "done", "done", "copy", "copy"]
    assert outcomes[1].copy_of == first
    assert outcomes[1].video == outcomes[0].video
    assert len(songs.stream.songs) == 3


def test_a_copy_of_a_song_that_fails_has_failed_too(songs: ListOfSongs) -> None:
    [path] = songs.write("a.mp3")
    run = songs.start([path, path])
    run.cycle()
    songs.stream.fail(songs.stream.songs[0], "silence")
    assert statuses(songs.finish(run)) == ["failed", "failed"]


def test_run_again_a_list_does_only_what_is_missing(songs: ListOfSongs) -> None:
    paths = songs.write("a.mp3", "bad.mp3", "b.mp3")
    run = songs.start(paths)
    run.cycle()
    songs.stream.fail(songs.stream.songs[1], "timeout")
    first = songs.finish(run)
    again = songs.start([*paths, *songs.write("new.mp3")])
    again.cycle()
    bad, new = (songs.stream.songs[number] for number in (3, 4))
    assert (bad.title, new.title) == ("bad", "new")
    assert bad.request_id == f"{songs.stream.songs[1].request_id}.2"  # its earlier outcome does not end it
    assert len(again.in_progress) == 2
    outcomes = songs.finish(again)
    assert statuses(outcomes) == ["cached", "done", "cached", "done"]
    assert (outcomes[0].video, outcomes[0].request_id) == (first[0].video, first[0].request_id)
    assert statuses(songs.run(paths)) == ["cached", "cached", "cached"]


def test_a_request_that_was_cancelled_is_made_again(songs: ListOfSongs) -> None:
    paths = songs.write("a.mp3")
    run = songs.start(paths)
    run.cycle()
    songs.stream.end(songs.stream.songs[0], outcome="cancelled")
    [cancelled] = songs.finish(run)
    assert (cancelled.status, cancelled.error) == ("cancelled", "the request was cancelled")
    assert statuses(songs.run(paths)) == ["done"]


def test_a_run_that_was_killed_is_continued_with_the_requests_in_progress(songs: ListOfSongs) -> None:
    paths = songs.write("a.mp3", "b.mp3", "c.mp3")
    killed = songs.start(paths, parallel=2)
    killed.cycle()
    songs.stream.begin(songs.stream.songs[0])
    songs.stream.end(songs.stream.songs[1])
    outcomes = songs.run(paths)
    assert statuses(outcomes) == ["done", "cached", "done"]
    assert [request.title for request in songs.stream.songs] == ["a", "b", "c"]


def test_a_request_that_no_step_has_begun_is_published_again_under_the_same_id(songs: ListOfSongs) -> None:
    paths = songs.write("a.mp3")
    songs.start(paths).cycle()
    assert statuses(songs.run(paths)) == ["done"]
    assert len({request.request_id for request in songs.stream.songs}) == 1


def test_another_option_or_library_is_another_request(songs: ListOfSongs) -> None:
    paths = songs.write("a.mp3")
    assert statuses(songs.run(paths)) == ["done"]
    assert statuses(songs.run(paths, songs.requests(seed=1))) == ["done"]
    songs.stream.version = "library 2"
    assert statuses(songs.run(paths)) == ["done"]
    assert len({request.request_id for request in songs.stream.songs}) == 3


def test_a_video_that_was_removed_is_made_again(songs: ListOfSongs) -> None:
    paths = songs.write("a.mp3")
    [done] = songs.run(paths)
    assert done.video is not None
    done.video.unlink()
    assert statuses(songs.run(paths)) == ["done"]
    done.video.write_bytes(b"cut short")
    assert statuses(songs.run(paths)) == ["done"]


def test_a_song_is_waited_for_while_the_stream_is_away(songs: ListOfSongs) -> None:
    run = songs.start(songs.write("a.mp3"))
    songs.stream.is_away = True
    with pytest.raises(Retryable):
        run.cycle()
    songs.stream.is_away = False
    assert statuses(songs.finish(run)) == ["done"]
    assert len(songs.stream.songs) == 1


def test_videos_are_copied_under_the_titles_of_songs_and_replace_nothing(songs: ListOfSongs) -> None:
    paths = songs.write("a.mp3", "one/x.mp3", "two/x.mp3")
    out = songs.folder / "out"
    out.mkdir()
    (out / "a.mp4").write_bytes(b"theirs")
    outcomes = songs.run(paths, out=out)
    names = ["a (2).mp4", "x (2).mp4", "x.mp4"]
    assert sorted(str(outcome.video) for outcome in outcomes) == [str(out / name) for name in names]
    assert (out / "a.mp4").read_bytes() == b"theirs"
    again = songs.run(paths, out=out)
    assert [outcome.video for outcome in again] == [outcome.video for outcome in outcomes]
    assert sorted(file.name for file in out.iterdir()) == ["a (2).mp4", "a.mp4", "x (2).mp4", "x.mp4"]


def test_a_video_that_cannot_be_copied_fails_alone(songs: ListOfSongs) -> None:
    paths = songs.write("a.mp3", "b.mp3")
    out = songs.folder / "out"
    run = songs.start(paths, out=out)
    run.cycle()
    songs.stream.end_all()
    video = sorted(songs.settings.output_dir.iterdir())[0]
    video.write_bytes(b"changed")
    outcomes = songs.finish(run)
    assert sorted(statuses(outcomes)) == ["done", "failed"]
    assert {outcome.reason for outcome in outcomes} == {None, "checksum"}


def test_a_request_that_kafka_refuses_fails_alone(songs: ListOfSongs, monkeypatch: pytest.MonkeyPatch) -> None:
    submit = songs.stream.submit

    def refuse(*requests: SongSubmitted) -> None:
        if any(request.title == "a" for request in requests):
            raise Poison("the event is too large", "kafka_refuses")
        submit(*requests)

    monkeypatch.setattr(songs.stream, "submit", refuse)
    outcomes = songs.run(songs.write("a.mp3", "b.mp3"))
    assert [outcome.reason for outcome in outcomes] == ["kafka_refuses", None]


def test_songs_are_published_together_and_again_while_kafka_is_away(
    songs: ListOfSongs, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, calls = songs.stream.submit, []

    def refuse_once(*requests: SongSubmitted) -> None:
        calls.append(len(requests))
        if len(calls) == 1:
            raise Retryable("Kafka is away", "kafka")
        submit(*requests)

    monkeypatch.setattr(songs.stream, "submit", refuse_once)
    run = songs.start(songs.write(*(f"{number}.mp3" for number in range(6))), parallel=4)
    with pytest.raises(Retryable):
        run.cycle()
    assert statuses(songs.finish(run)) == ["done"] * 6
    assert calls == [4, 4, 2]


def test_alternatives_are_copied_under_names_with_numbers(songs: ListOfSongs) -> None:
    wanted = alternatives_of(find_songs(songs.write("luna.mp3")).songs, 2)
    run = BulkRun(songs.requests(), wanted, Display(), out=songs.folder / "out")
    while not run.is_finished:
        run.cycle()
        songs.stream.end_all()
    names = [outcome.video.name for outcome in run.outcomes if outcome.video]
    assert names == ["luna.mp4", "luna (2).mp4"]
