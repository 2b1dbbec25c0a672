"""Playlists as other programs write them: encodings, comments, titles, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.faults import Poison
from streams.files.playlists import PlaylistEntry, read_playlist

_TEXT = "#EXTM3U\n\n# a comment\n#EXTINF:123,Romeo – Canción\nCanción.mp3\n  b.mp3  \n"
_ENTRIES = [PlaylistEntry(5, "Canción.mp3", "Romeo – Canción"), PlaylistEntry(6, "b.mp3")]


def _playlist(tmp_path: Path, content: bytes) -> Path:
    file = tmp_path / "list.m3u"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_playlist_is_read_in_the_encodings_of_other_programs(encoding: str, line_end: str, tmp_path: Path) -> None:
    content = _TEXT.replace("\n", line_end).encode(encoding)
    assert read_playlist(_playlist(tmp_path, content)) == _ENTRIES


def test_a_line_that_only_python_ends_is_part_of_a_name(tmp_path: Path) -> None:
    content = "a\u2028b.mp3\nc\x0bd.mp3\n".encode()
    assert [entry.location for entry in read_playlist(_playlist(tmp_path, content))] == ["a\u2028b.mp3", "c\x0bd.mp3"]


@pytest.mark.parametrize(
    ("comment", "title"),
    [
        ("#EXTINF:-1,Obsesión", "Obsesión"),
        ("#EXTINF:10,Aventura, Judy Santos - Obsesión", "Aventura, Judy Santos - Obsesión"),
        ('#EXTINF:-1 tvg-name="a, b" group="c",Obsesión', "Obsesión"),
        ("#extinf:1,Obsesión", "Obsesión"),
        ("#EXTINF:1,", None),
        ("#EXTINF:1", None),
        ("#EXTALB:An album, of bachata", None),
    ],
)
def test_the_title_is_behind_the_first_comma_that_is_not_in_a_value(
    comment: str, title: str | None, tmp_path: Path
) -> None:
    [entry] = read_playlist(_playlist(tmp_path, f"{comment}\n#PLAYLIST:mine\na.mp3\n".encode()))
    assert entry == PlaylistEntry(3, "a.mp3", title)


def test_the_title_of_a_long_line_is_found_in_no_time(tmp_path: Path) -> None:
    content = b"#EXTINF:" + b'"' * 100_001 + b"\na.mp3\n" + b"#EXTINF:" + b"," * 100_000 + b"\n"
    assert read_playlist(_playlist(tmp_path, content)) == [PlaylistEntry(2, "a.mp3")]


def test_the_description_of_a_stream_is_refused_with_its_line(tmp_path: Path) -> None:
    file = _playlist(tmp_path, b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\npart1.ts\n")
    with pytest.raises(Poison, match=r"list\.m3u, line 3: it describes a stream in parts") as refused:
        read_playlist(file)
    assert refused.value.reason == "invalid_playlist"


def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path: Path) -> None:
    with pytest.raises(Poison, match=r"list\.m3u: line 2, column 1 is no text in UTF-8"):
        read_playlist(_playlist(tmp_path, "é.mp3\n".encode() + b"\xff\xfe\n"))


def test_a_playlist_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Poison, match="no such playlist") as missing:
        read_playlist(tmp_path / "no.m3u")
    assert missing.value.reason == "not_found"
    with pytest.raises(Poison, match="directory") as folder:
        read_playlist(tmp_path)
    assert folder.value.reason == "invalid_playlist"
