"""Read the mp4 files of the cache packet by packet, and remove those that are damaged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from agents.media.container import open_own_mp4
from infra.base.atomic_file import remove_files
from schemas.faults import Retryable

AnyStream = TypeVar("AnyStream", VideoStream, AudioStream)


class CachedMp4:
    """An open mp4 file of the cache. `path`: its file, which is not a link."""

    def __init__(self, path: Path, reader: InputContainer) -> None:
        self.path = path
        self._reader = reader

    @property
    def video(self) -> VideoStream:
        """Return its only video stream."""
        return self._reader.streams.video[0]

    @property
    def audio(self) -> AudioStream:
        """Return its only audio stream."""
        return self._reader.streams.audio[0]

    def packets(self, stream: AnyStream, seek_to: int | None = None) -> Iterator[Packet[AnyStream]]:
        """Yield a stream's packets from the keyframe at or before `seek_to`, in the stream's time base.

        Raises: `Retryable` (`cache_damaged`) where it cannot be read; the file is removed.
        """
        try:
            if seek_to is not None:
                self._reader.seek(seek_to, stream=stream)
            yield from self._reader.demux(stream)
        except av.error.FFmpegError as error:
            remove_files(self.path)
            raise cache_damaged() from error


@contextmanager
def open_cached(path: Path) -> Iterator[CachedMp4]:
    """Open an mp4 file of the cache. Raises: `Retryable` (`cache_damaged`) where it is damaged; the file is removed."""
    real = path.resolve()
    try:
        reader = open_own_mp4(real)
    except av.error.FFmpegError as error:
        remove_files(path)
        raise cache_damaged() from error
    with reader:
        yield CachedMp4(real, reader)


def cache_damaged() -> Retryable:
    """Return the fault for a cached file that was damaged and is removed; the next attempt makes it again."""
    return Retryable("a cached file was damaged and is made again", reason="cache_damaged")
