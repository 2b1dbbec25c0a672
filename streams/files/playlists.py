"""Read playlists: files with the path or URL of a song in each line (m3u, m3u8, txt)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.base.text_file import read_text
from schemas.faults import Poison

PLAYLIST_SUFFIXES = frozenset({".m3u", ".m3u8", ".txt"})

_MAX_SONGS = 100_000
# `#EXTINF:123 name="value",Artist - Title`: a comma between quotation marks is part of a value.
_TITLE = re.compile(r'#EXTINF:(?:"[^"]*"|[^",])*,(?P<title>.*)', re.IGNORECASE)
_LINE_END = re.compile(r"\r\n|\r|\n")
_PART_OF_STREAM = re.compile(r"#EXT-X-(?:TARGETDURATION|STREAM-INF)", re.IGNORECASE)


@dataclass(frozen=True)
class PlaylistEntry:
    """A line of a playlist with a song: `location` is a path or URL as it is written there."""

    line: int
    location: str
    title: str | None = None


def read_playlist(file: Path) -> list[PlaylistEntry]:
    """Return the songs of a playlist in their order. Blank lines and comments, which begin with `#`, are left out.

    Raises: `Poison` (`invalid_playlist`), with the line where there is one; `not_found`.
    """
    try:
        lines = _LINE_END.split(read_text(file))  # what else ends a line of Python's splitlines() may be in a name
    except FileNotFoundError as error:
        raise Poison(f"{file}: there is no such playlist", "not_found") from error
    except OSError as error:
        raise Poison(f"{file}: {error.strerror}", "invalid_playlist") from error
    except ValueError as error:
        raise Poison(f"{file}: {error}", "invalid_playlist") from error
    entries = list(_entries(file, lines))
    if len(entries) > _MAX_SONGS:
        raise Poison(f"{file}: it has {len(entries)} songs; {_MAX_SONGS} at most are accepted", "invalid_playlist")
    return entries


def _entries(file: Path, lines: list[str]) -> Iterator[PlaylistEntry]:
    title = None
    for number, text in enumerate(lines, start=1):
        line = text.strip()
        if line.startswith("#"):
            if _PART_OF_STREAM.match(line):
                message = "it describes a stream in parts (HLS), not songs: give the stream's URL"
                raise Poison(f"{file}, line {number}: {message}", "invalid_playlist")
            title = _title(line) or title
        elif line:
            yield PlaylistEntry(number, line, title)
            title = None


def _title(comment: str) -> str | None:
    found = _TITLE.match(comment)
    return found["title"].strip() or None if found else None
