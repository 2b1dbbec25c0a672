"""The songs that a user names: files, folders, playlists and URLs."""

from __future__ import annotations

import os
from pathlib import Path

import av
import pytest

from infra.settings import Settings
from schemas.base import Source
from schemas.faults import Poison
from streams.files.songs import Song, find_songs
from tests.odd_media.windows import copy_start
from tests.paths import DEMO


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inner").mkdir()
    for name in ("b.MP3", "a.flac", "inner/c.mp3", ".hidden.mp3", "~$a.mp3", "notes.txt", "cover.jpg", "d.mp3.part"):
        (tmp_path / name).write_text(name)
    return tmp_path


def _names(songs: tuple[Song, ...], folder: Path) -> list[str]:
    return [str(song.file.relative_to(folder)) for song in songs if song.file is not None]


def test_the_songs_below_a_folder_are_found_in_order_without_hidden_files(folder: Path) -> None:
    assert _names(find_songs([str(folder)]).songs, folder) == ["a.flac", "b.MP3", "inner/c.mp3"]


def _write_silent_video(file: Path) -> None:
    with av.open(file, "w") as video:
        stream = video.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        for number in range(25):
            picture = av.VideoFrame(64, 64, "yuv420p")
            picture.pts = number
            video.mux(stream.encode(picture))
        video.mux(stream.encode(None))


def test_videos_in_a_folder_are_songs_if_they_have_sound_or_do_not_open(tmp_path: Path) -> None:
    copy_start(DEMO / "clips" / "basic_side.mp4", tmp_path / "clip.mp4", 1.0)
    _write_silent_video(tmp_path / "silent.mp4")
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "song.mp3").write_bytes(b"song")
    found = find_songs([str(tmp_path)])
    assert _names(found.songs, tmp_path) == ["broken.mp4", "clip.mp4", "song.mp3"]
    assert found.warnings == (f"{tmp_path / 'silent.mp4'} has no sound: skipped",)


def test_songs_have_the_order_and_the_names_of_the_command_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    songs = find_songs(["./b.MP3", "inner", "https://example.org/e.mp3", "no.mp3"]).songs
    assert [song.name for song in songs] == ["./b.MP3", "inner/c.mp3", "https://example.org/e.mp3", "no.mp3"]
    assert [song.title for song in songs] == ["b", "c", None, "no"]
    assert songs[2].source(Settings()) == Source(url="https://example.org/e.mp3")


def test_no_songs_at_all_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(Poison, match="empty has no songs") as nothing:
        find_songs([str(tmp_path / "empty")])
    assert nothing.value.reason == "no_songs"
    (tmp_path / "empty.m3u").write_text("#EXTM3U\n")
    with pytest.raises(Poison, match=r"no songs in .*empty\.m3u"):
        find_songs([], [tmp_path / "empty.m3u"])


def test_the_paths_of_a_playlist_are_relative_to_it(folder: Path) -> None:
    lists = folder / "lists"
    lists.mkdir()
    (folder / "a song.mp3").write_text("a song")
    absolute = folder / "inner" / "c.mp3"
    lines = ("../b.MP3", "..\\a.flac", "../a%20song.mp3", str(absolute), absolute.as_uri(), "#EXTINF:1,No", "no.mp3")
    (lists / "list.M3U8").write_text("\n".join(lines))
    songs = find_songs([str(lists / "list.M3U8")]).songs
    resolved = [os.path.normpath(song.file) for song in songs if song.file]
    files = ("b.MP3", "a.flac", "a song.mp3", "inner/c.mp3", "inner/c.mp3", "lists/no.mp3")
    assert resolved == [str(folder / name) for name in files]
    assert [song.title for song in songs] == ["b", "a", "a song", "c", "c", "No"]


def test_a_file_with_another_suffix_is_a_playlist_if_the_option_says_so(folder: Path) -> None:
    (folder / "list").write_text("a.flac\n")
    assert _names(find_songs([], [folder / "list"]).songs, folder) == ["a.flac"]


@pytest.mark.parametrize(
    ("line", "url"),
    [
        ("HTTPS://Example.org/a.mp3?b=c%20d", "https://Example.org/a.mp3?b=c%20d"),
        ("http://example.org/canción de.mp3", "http://example.org/canci%C3%B3n%20de.mp3"),
    ],
)
def test_the_urls_of_a_playlist_are_percent_encoded(line: str, url: str, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{line}\n")
    [song] = find_songs([str(tmp_path / "list.txt")]).songs
    assert (song.url, song.fault) == (url, None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [("ftp://example.org/a.mp3", "url_not_allowed"), ("gopher://x", "url_not_allowed"), ("no.mp3", "not_found")],
)
def test_what_is_wrong_in_a_playlist_is_an_error_of_its_song_and_names_file_and_line(
    line: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "list.m3u").write_text(f"# a comment\n\n{line}\nother.mp3\n")
    song, other = find_songs([str(tmp_path / "list.m3u")]).songs
    with pytest.raises(Poison, match=rf"list\.m3u, line 3: .*{line}") as refused:
        song.source(Settings(data_dir=tmp_path / "data"))
    assert refused.value.reason == reason
    assert other.place.endswith("line 4")


@pytest.mark.parametrize("name", ["a\0b.mp3", "x" * 5000 + ".mp3", "\udcff.mp3", "\x1b[31m.mp3"])
def test_a_name_that_no_file_can_have_is_an_error_of_its_song(name: str, tmp_path: Path) -> None:
    [song] = find_songs([name]).songs
    with pytest.raises(Poison):
        song.source(Settings(data_dir=tmp_path / "data"))
