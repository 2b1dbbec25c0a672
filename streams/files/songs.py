"""The songs that a user names: files, folders, playlists and URLs."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from agents.media.formats import CLIP_SUFFIXES, SONG_SUFFIXES
from agents.media.probe_file import PROBE_FILE, NamedFile
from infra.base.media_files import files_at
from infra.downloads.urls import written
from infra.settings import Settings
from schemas.base import Source
from schemas.faults import Fault, Poison
from schemas.limits import MAX_NAME_CHARACTERS
from schemas.safe_text import harmless_part
from streams.files.playlists import PLAYLIST_SUFFIXES, PlaylistEntry, read_playlist
from streams.files.user_files import real_path, store_file, title_of
from streams.jobs import Jobs

_SCHEME = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+)://", re.IGNORECASE)


@dataclass(frozen=True)
class Song:
    """A song that a user names by a file or a URL. `name`: as the user wrote it; `place`: a playlist's line, or empty.

    `title`: None where the page of the URL has it. `fault`: why the song cannot be submitted. `alternative`: which of
    several choreographies is wanted, from 0.
    """

    name: str
    file: Path | None = None
    url: str | None = None
    title: str | None = None
    place: str = ""
    fault: Poison | None = None
    alternative: int = 0

    def source(self, settings: Settings) -> Source:
        """Return the source to submit; a file is copied into the media store.

        Raises: as `store_file`, with the place in the message; the song's own fault.
        """
        if self.fault is not None:
            raise self.fault
        if self.file is None:
            return Source(url=self.url)
        try:
            return Source(sha256=store_file(settings, self.file, "audio").sha256)
        except Fault as fault:
            raise _at(self.place, fault) from fault


@dataclass(frozen=True)
class FoundSongs:
    """Songs in the order in which they are named, a folder's by their names; `warnings`: what could not be read."""

    songs: tuple[Song, ...]
    warnings: tuple[str, ...] = ()


def find_songs(locations: Sequence[str], playlists: Sequence[Path] = ()) -> FoundSongs:
    """Return the songs at the locations: files, URLs, all songs below folders, and those of playlists.

    Below a folder, songs are files with sound and without pictures by their names, and videos that have sound. A song
    that does not exist is returned with its fault. Raises: `Poison` as `read_playlist`; `no_songs` where there is none.
    """
    warnings: list[str] = []
    songs = [song for location in locations for song in _songs_at(location, warnings)]
    songs += [song for playlist in playlists for song in _songs_of(playlist)]
    if not songs:
        where = ", ".join((*locations, *map(str, playlists)))
        raise Poison("; ".join((f"there are no songs in {where}", *warnings)), "no_songs")
    return FoundSongs(tuple(songs), tuple(warnings))


def alternatives_of(songs: Sequence[Song], alternatives: int) -> list[Song]:
    """Return each song as often as there are to be choreographies of it."""
    return [replace(song, alternative=number) for song in songs for number in range(alternatives)]


def _songs_at(location: str, warnings: list[str]) -> Iterator[Song]:
    path = Path(location)
    if _SCHEME.match(location):
        yield _named(location)
    elif path.suffix.lower() in PLAYLIST_SUFFIXES and not path.is_dir():
        yield from _songs_of(path)
    elif os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
        yield from map(_of_file, _songs_below(path, warnings))
    else:
        yield _of_file(path, location)


def _songs_below(folder: Path, warnings: list[str]) -> list[Path]:
    files = sorted(files_at(folder, SONG_SUFFIXES | CLIP_SUFFIXES, warnings))
    without_sound = asyncio.run(_without_sound([file for file in files if file.suffix.lower() in CLIP_SUFFIXES]))
    warnings += [f"{file} has no sound: skipped" for file in without_sound]
    songs = [file for file in files if file not in without_sound]
    if not songs:
        warnings.append(f"{folder} has no songs")
    return songs


async def _without_sound(videos: Sequence[Path]) -> list[Path]:
    """Return the videos that have no sound; one that does not open has a fault, which intake finds."""
    found = []
    if videos:
        async with Jobs() as jobs:
            for video in videos:
                try:
                    contents = await jobs.run(PROBE_FILE, NamedFile(path=str(real_path(video))))
                except (Fault, ValidationError):
                    continue
                if not contents.has_sound:
                    found.append(video)
    return found


def _songs_of(playlist: Path) -> list[Song]:
    return [_of_entry(playlist, entry) for entry in read_playlist(playlist)]


def _of_entry(playlist: Path, entry: PlaylistEntry) -> Song:
    place = f"{playlist}, line {entry.line}"
    title = harmless_part(entry.title or "", MAX_NAME_CHARACTERS) or None
    song = _named(entry.location, playlist.parent)
    fault = None if song.fault is None else Poison(f"{place}: {song.fault}", song.fault.reason)
    return replace(song, title=title or song.title, place=place, fault=fault)


def _named(location: str, folder: Path = Path()) -> Song:
    """Return the song of a path, relative to the folder, or of a URL."""
    scheme = _SCHEME.match(location)
    if scheme is None:
        return _of_file(_present(location, folder), location)
    if scheme["scheme"].lower() == "file":
        return _of_file(Path(unquote(urlsplit(location).path)), location)
    url = written(location)
    try:
        return Song(location, url=Source(url=scheme["scheme"].lower() + url[scheme.end("scheme") :]).url)
    except ValidationError:
        message = f"{location} is not a URL of a song: it must begin with http:// or https://"
        return Song(location, url=url, fault=Poison(message, "url_not_allowed"))


def _present(location: str, folder: Path) -> Path:
    """Return the path, or one that other programs and systems write so: percent-encoded, or with backslashes."""
    spellings = [folder / text for text in (location, unquote(location), location.replace("\\", "/"))]
    return next((path for path in spellings if os.path.lexists(path)), spellings[0])


def _of_file(file: Path, name: str | None = None) -> Song:
    return Song(name or str(file), file=file, title=title_of(file))


def _at(place: str, fault: Fault) -> Fault:
    if isinstance(fault, Poison) and place:
        return Poison(f"{place}: {fault}", fault.reason)
    return fault
