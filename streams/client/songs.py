"""What can be submitted as a song, and where its content is stored."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from pydantic import ValidationError

from agents.media.formats import SONG_SUFFIXES
from infra.base.media_files import files_at
from infra.data_folder import check_data_folder
from infra.kafka_connection import KafkaConnection, configured_kafka
from infra.media_store import MediaStore
from infra.settings import Settings, load_settings
from schemas.base import Source
from schemas.faults import Poison, invalid_event
from schemas.limits import MAX_NAME_CHARACTERS
from schemas.safe_text import harmless_part
from streams.client.arguments import path_of

Song = str | os.PathLike[str] | bytes | Source
_URL_SCHEMES = ("http", "https")


class SongStore:
    """Stores songs in the media store of the service, which must be in a data folder of this machine."""

    def __init__(self, kafka: KafkaConnection, data_folder: Path | None) -> None:
        self._kafka = kafka
        self._data_folder = data_folder

    def media(self) -> MediaStore:
        """Return the media store. Raises: `Poison` (`settings`) where this machine has none of this service."""
        settings = load_settings() if self._data_folder is None else Settings(data_dir=self._data_folder)
        if self._data_folder is None and not _is_data_folder_of(self._kafka, settings):
            raise Poison(
                f"no worker of Kafka {self._kafka} uses the data folder {settings.data_dir} and could read the file: "
                "submit a URL, or Source(path=...) below an allowed folder of the worker's machine, or send the file "
                "to the HTTP API; data_folder= names another folder",
                "settings",
            )
        check_data_folder(settings)
        for folder in (settings.media_dir, settings.media_dir / "incoming"):
            folder.mkdir(mode=0o700, exist_ok=True)  # closed to other users, whatever the umask of this program
        return MediaStore(settings.media_dir)


def _is_data_folder_of(kafka: KafkaConnection, settings: Settings) -> bool:
    """Return whether workers of this Kafka use the data folder.

    A Kafka that the settings name: a worker has run on the folder. Otherwise: it is the local one, whose password is
    in the folder.
    """
    from infra.local_kafka.login import PASSWORD_FILE, local_connection

    configured = configured_kafka(settings)
    if configured is not None:
        return configured.bootstrap == kafka.bootstrap and settings.state_dir.is_dir()
    has_kafka = (settings.kafka_dir / PASSWORD_FILE).is_file()
    return has_kafka and local_connection(settings.kafka_dir, kafka.bootstrap) == kafka


async def source_of(song: Song, store: SongStore) -> tuple[Source, str | None]:
    """Return where a song is, and the title of a file. Files and bytes are stored.

    Raises: `Poison` for what cannot be a song; `Retryable`, `Unavailable` where it cannot be stored now.
    """
    if isinstance(song, Source):
        return song, None
    if isinstance(song, bytes):
        return await asyncio.to_thread(_store_bytes, song, store), None
    if not isinstance(song, (str, os.PathLike)):
        kind = type(song).__name__
        raise Poison(f"a song is a path, bytes, a URL or a Source, not {kind}; see submit_event", "invalid_event")
    if isinstance(song, str) and "://" in song:
        return _url_source(song), None
    return await asyncio.to_thread(_store_file, path_of(song), store)


def _url_source(url: str) -> Source:
    if url.partition("://")[0].lower() not in _URL_SCHEMES:
        raise Poison(f"'{url[:100]}' is not an http or https URL: submit one of these, or a file", "invalid_event")
    try:
        return Source(url=url)
    except ValidationError as error:
        raise invalid_event(Source, error) from error


def _store_bytes(content: bytes, store: SongStore) -> Source:
    with store.media().receive("audio") as incoming:
        incoming.write(content)
        return Source(sha256=incoming.store().sha256)


def _store_file(file: Path, store: SongStore) -> tuple[Source, str | None]:
    if file.is_dir():
        raise Poison(f"{file} is a folder: submit it with submit_folder", "not_a_file")
    media = store.media()
    try:
        stored = media.add(Path(os.path.realpath(file)), "audio")
    except Poison as fault:
        raise Poison(f"{file}: {fault}", fault.reason) from fault
    return Source(sha256=stored.sha256), harmless_part(file.stem, MAX_NAME_CHARACTERS) or "untitled"


def songs_in(folder: Path) -> list[Path]:
    """Return the songs in a folder and the folders below it, by the endings of their names, sorted.

    Hidden files, and folders that are hidden or a system's, are left out. Raises: `Poison` (`not_found`) where there is
    none.
    """
    songs = sorted(files_at(folder, SONG_SUFFIXES, [])) if folder.is_dir() else []
    if not songs:
        raise Poison(f"{folder} has no songs: name a folder with files such as mp3, flac or wav", "not_found")
    return songs
