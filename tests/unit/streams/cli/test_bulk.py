"""The display of several songs without a terminal, and what a user who stops them must know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.settings import Settings
from schemas.base import Options
from schemas.faults import Poison
from streams.bulk.outcomes import SongOutcome
from streams.bulk.requests import SongRequest
from streams.cli import bulk
from streams.cli.bulk import BulkDisplay, generate_all
from streams.files.songs import Song, find_songs
from tests.unit.streams.bulk.lists import ListOfSongs
from tests.unit.streams.cli.bachata import run

_STEP = {"state": "running", "fraction": 0.5, "cached": False, "seconds": 0.0, "error": None}


def _request(songs: ListOfSongs, path: str) -> SongRequest:
    requests = songs.requests()
    [song] = find_songs([path]).songs
    return requests.find(song, requests.source(song))


def test_without_a_terminal_each_outcome_and_each_wait_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    songs = ListOfSongs(tmp_path)
    request = _request(songs, songs.write("a.mp3")[0])
    waits = {"rendering": _STEP | {"state": "waiting", "error": "the disk is full"}}
    states: list[dict[str, Any]] = [{}, {"intake": _STEP}, waits, waits, {"rendering": _STEP}, waits]
    with BulkDisplay(2) as display:
        for steps in states:
            display.progressed(request, {"steps": steps})
        display.ended(SongOutcome(request.song, "done", "song-a", seconds=1.0))
        display.ended(SongOutcome(Song("\x1b[31m.mp3"), "failed", error="it is bad"))
    assert capsys.readouterr().err.splitlines() == [
        "a: rendering waits: the disk is full",
        "[1/2] a: 1.00 s",
        "[2/2] \\x1b[31m.mp3: it is bad",
    ]


def test_a_run_that_is_stopped_says_which_requests_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("streams.bulk.run.sleep", stop)
    songs = ListOfSongs(tmp_path)
    paths = songs.write("a.mp3", "b.mp3", "c.mp3")
    with pytest.raises(KeyboardInterrupt, match=r"2 requests are submitted .* `bachata cancel ID`"):
        bulk._run(songs.settings, songs.requests(), find_songs(paths).songs, None, 2)
    ids = [request.request_id for request in songs.stream.songs]
    lines = [f"submitted: {id_}  {path}" for id_, path in zip(ids, paths[:2], strict=True)]
    assert capsys.readouterr().err.splitlines() == lines


def test_a_place_for_the_videos_that_is_no_folder_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings, songs = Settings(data_dir=tmp_path / "data"), [Song("a.mp3"), Song("b.mp3")]
    for out in (tmp_path / "video.mp4", tmp_path / "file", tmp_path / "file" / "inner"):
        with pytest.raises(Poison) as refused:
            generate_all(settings, songs, Options(), as_json=False, out=out)
        assert refused.value.reason == "bad_target"


@pytest.mark.parametrize("command", ["generate", "submit"])
def test_a_command_needs_a_song_or_a_playlist(command: str, tmp_path: Path) -> None:
    refused = run(command)
    assert (refused.returncode, refused.stderr) == (2, "error: name a song, a folder or a playlist\n")
    missing = run(command, "--playlist", tmp_path / "no.m3u")
    assert (missing.returncode, missing.stderr) == (1, f"error: {tmp_path / 'no.m3u'}: there is no such playlist\n")


def test_corrections_are_those_of_one_song(tmp_path: Path) -> None:
    refused = run("generate", "a.mp3", "b.mp3", "--count-offset", "4")
    assert refused.stderr == "error: corrections are those of one video: name no other song, and no alternatives\n"
