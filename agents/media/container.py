"""Open media files: untrusted ones with one fixed demuxer, and mp4 files of this program to read or to write.

The size of pictures is limited before any is decoded: a small file can hold one that decodes to gigabytes.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.media.chunks import data_chunk
from agents.media.file_part import FilePart
from agents.media.mov_boxes import lacks_index
from agents.media.sniff import Content, first_bytes, not_media, sniff
from infra.base.machine import MACHINE_ERRNOS
from infra.base.memory import MIB, at_most_more
from schemas.faults import Fault, Poison, storage_fault
from schemas.limits import MAX_PIXELS, MAX_STREAMS

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.error import FFmpegError
    from av.packet import Packet
    from av.video.stream import VideoStream

_PROBE_BYTES = 5_000_000
_MAX_AGAIN = 10_000
# A regular file is never waited for: where FFmpeg says so, it wants to be called again after damaged data.
_MACHINE_ERRNOS = MACHINE_ERRNOS - {errno.EAGAIN}
# A file of 1 kB can claim an index of gigabytes. That of ten minutes at 240 frames a second needs 20 MB, and the first
# pictures of the largest clip, which are decoded to open it, 80 MB.
_OPEN_BYTES = 256 * MIB
# What FFmpeg raises for damaged data, and Python for decoded data that is odd: no pictures, no rate, a size of 0.
_BAD_DATA = (ValueError, ArithmeticError, LookupError, TypeError)
_PROBE_US = 5_000_000
_NO_INDEX = "the file is incomplete: its index is missing; copy or download it again"
# The index of our own mp4 has all facts; without these options the first frame is decoded, 13 ms per clip.
_OWN_OPTIONS = {"protocol_whitelist": "file", "probesize": "32", "analyzeduration": "0", "skip_frame": "all"}
# Without this, PyAV 18 (used with Python 3.11) refuses a file whose tags are not UTF-8; PyAV 19 does not need it.
_TAG_OPTIONS: dict[str, Any] = {"metadata_errors": "ignore"} if sys.version_info < (3, 12) else {}


def open_container(path: Path) -> InputContainer:
    """Open a file of unknown origin; read it within `media_errors`. Raises: as `sniff`."""
    import av

    content = sniff(path)
    try:
        with at_most_more(_OPEN_BYTES):
            source, options = _source(path, content), _options(content)
            container: InputContainer = av.open(source, "r", format=content.demuxer, options=options, **_TAG_OPTIONS)
    except av.error.FFmpegError as error:
        raise _unopened(path, content, error) from error
    return container


@contextmanager
def media_errors() -> Iterator[None]:
    """Raise the fault of a bad file for what FFmpeg and Python raise where its data is damaged or odd.

    Raises: `Poison` (`not_media`); `Retryable` (`storage`) or `Unavailable` (`disk_full`) where the machine fails;
    `MemoryError`.
    """
    import av

    try:
        yield
    except MemoryError:
        raise
    except (av.error.FFmpegError, *_BAD_DATA) as error:
        if isinstance(error, av.error.FFmpegError) and error.errno in _MACHINE_ERRNOS:
            raise storage_fault(f"a file cannot be read or written now: {error.strerror}", error.errno) from error
        raise not_media() from error


def open_own_mp4(path: Path) -> InputContainer:
    """Open an mp4 that this program wrote, to read its packets. Raises: FFmpeg's errors where it is damaged."""
    import av

    return av.open(f"file:{path}", "r", "mp4", _OWN_OPTIONS)


def create_mp4(path: Path, options: Mapping[str, str]) -> OutputContainer:
    """Open an mp4 for writing, with options of FFmpeg's muxer."""
    import av

    return av.open(str(path), "w", "mp4", options=dict(options))


def start_s(container: InputContainer) -> float:
    """Return the container's start time in seconds: time 0 of beats, pictures and poses."""
    return (container.start_time or 0) / 1_000_000


def packets(container: InputContainer, stream: AudioStream | VideoStream) -> Iterator[Packet[Any]]:
    """Yield a stream's packets, up to where the file is truncated; the last one is empty and drains the decoder."""
    yield from packets_of(container, stream)


def packets_of(container: InputContainer, *streams: AudioStream | VideoStream) -> Iterator[Packet[Any]]:
    """Yield the packets of some streams as they are stored; otherwise as `packets`."""
    import av

    demuxed, again = container.demux(*streams), 0
    while again < _MAX_AGAIN:
        try:
            packet = next(demuxed)
        except (StopIteration, av.error.EOFError, av.error.InvalidDataError):
            return
        except av.error.BlockingIOError:  # FFmpeg skips damaged parts of some streams in several calls
            demuxed, again = container.demux(*streams), again + 1
        else:
            again = 0
            yield packet


def decoded(packet: Packet[Any]) -> list[Any]:
    """Return a packet's frames, none where it is damaged."""
    return decoded_or_none(packet) or []


def decoded_or_none(packet: Packet[Any]) -> list[Any] | None:
    """Return a packet's frames, None where it is damaged."""
    import av

    try:
        return list(packet.decode())
    except av.error.MemoryError:
        raise
    except (av.error.FFmpegError, ValueError):  # ValueError: PyAV 19, from the second try on, where no decoder opens
        return None


def _source(path: Path, content: Content) -> str | FilePart:
    """Return what FFmpeg opens. The index of an mp4 counts from its first box: junk in front must not be there."""
    if _is_mp4_behind_junk(content):
        return FilePart(path, content.offset)
    return f"file:{path.absolute()}"


def _is_mp4_behind_junk(content: Content) -> bool:
    return content.demuxer == "mov" and content.offset > 0


def _unopened(path: Path, content: Content, error: FFmpegError) -> Fault:
    if error.errno == errno.ENOMEM:  # FFmpeg reports too many streams so, too
        message = f"it has more than {MAX_STREAMS} streams, or an index that is too large; export it again"
        return Poison(message, reason="not_media")
    if error.errno == errno.EIO:
        first_bytes(path, _PROBE_BYTES)  # FFmpeg reports EIO of a truncated file, too; this raises if the disk does
        return not_media()
    if error.errno in _MACHINE_ERRNOS:
        return storage_fault(f"the file cannot be read now: {error.strerror}", error.errno)
    if _is_cut(path, content):
        return Poison(_NO_INDEX, reason="not_media")
    return not_media()


def _is_cut(path: Path, content: Content) -> bool:
    """Return whether a file that cannot be opened lacks its end, where its index is."""
    if content.demuxer == "mov":
        return lacks_index(path, content.offset)
    chunk = data_chunk(path, content) if content.demuxer == "caf" else None
    return chunk is not None and chunk.stated > chunk.present


def _options(content: Content) -> dict[str, str]:
    """Return options that close all ways to other files: playlists, other protocols, references to other movies."""
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": content.demuxer,
        "skip_initial_bytes": "0" if _is_mp4_behind_junk(content) else str(content.offset),
        "max_streams": str(MAX_STREAMS),
        "max_pixels": str(MAX_PIXELS),
        "probesize": str(_PROBE_BYTES),
        "analyzeduration": str(_PROBE_US),
    }
    return options | ({"enable_drefs": "0"} if content.demuxer == "mov" else {})
