"""Opening untrusted media: a path in, a demuxer that reads that one file and no other out.

The first bytes choose the demuxer, since FFmpeg left to choose follows a playlist that calls itself a song. The
size of pictures is capped before any is decoded: a small file can hold one that takes gigabytes.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from infra.base.machine import MACHINE_ERRNOS
from schemas.faults import Fault, Poison, Retryable, storage_reason
from schemas.limits import MAX_PIXELS, MAX_STREAMS

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.error import FFmpegError
    from av.packet import Packet
    from av.video.stream import VideoStream

Demuxer = Literal["mov", "mp3", "flac", "ogg", "wav", "matroska"]

_PROBE_BYTES = 5_000_000
_PROBE_US = 5_000_000
_HEAD_BYTES = 16
_MOV_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_MAGIC: tuple[tuple[bytes, Demuxer], ...] = (
    (b"ID3", "mp3"),
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"\x1aE\xdf\xa3", "matroska"),
)
_NO_SUCH_NAME = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP})


def sniff(path: Path) -> Demuxer:
    """The demuxer for a file, by its first bytes.

    Raises `Poison`: `not_found`, `unreadable`, `empty`, `not_media`; `Retryable` (`storage`).
    """
    head = _head(path, _HEAD_BYTES)
    if not head:
        raise Poison("the file is empty; export or download it again", reason="empty")
    demuxer = _demuxer_of(head)
    if demuxer is None:
        raise not_media()
    return demuxer


def not_media() -> Poison:
    """What is said of all that is no audio or video."""
    return Poison(
        "this is no mp3, m4a, flac, ogg, wav, mp4, mov, mkv or webm file that can be read", reason="not_media"
    )


def unread(error: OSError) -> Fault:
    """What is said of a file that the system does not give; never its path, which is the machine's own affair."""
    if error.errno in _NO_SUCH_NAME:
        return Poison("there is no such file", reason="not_found")
    if isinstance(error, PermissionError):
        return Poison("the file may not be read; change its permissions", reason="unreadable")
    return Retryable(f"the file cannot be read now: {error.strerror}", reason=storage_reason(error.errno))


def open_container(path: Path) -> InputContainer:
    """A demuxer on the file. Raises as `sniff` does."""
    import av

    demuxer = sniff(path)
    try:
        url = f"file:{path.absolute()}"
        return av.open(url, "r", format=demuxer, options=_options(demuxer), metadata_errors="ignore")
    except av.error.FFmpegError as error:
        raise _unopened(path, error) from error


def start_s(container: InputContainer) -> float:
    """The container's start on its own clock, seconds: time 0 of beats, pictures and poses."""
    return (container.start_time or 0) / 1_000_000


def packets(container: InputContainer, stream: AudioStream | VideoStream) -> Iterator[Packet[Any]]:
    """What the file holds of a stream, up to where it breaks off; the last packet is empty and drains the decoder."""
    import av

    demuxed = container.demux(stream)
    while True:
        try:
            packet = next(demuxed)
        except (StopIteration, av.error.EOFError, av.error.InvalidDataError):
            return
        yield packet


def decoded(packet: Packet[Any]) -> list[Any]:
    """A packet's frames; none where it is damaged."""
    import av

    try:
        return list(packet.decode())
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError:
        return []


def _unopened(path: Path, error: FFmpegError) -> Fault:
    if error.errno == errno.EIO:
        _head(path, _PROBE_BYTES)  # FFmpeg says EIO of a file cut short, too: the disk itself knows which it is
        return not_media()
    if error.errno in MACHINE_ERRNOS:
        return Retryable(f"the file cannot be read now: {error.strerror}", reason=storage_reason(error.errno))
    return not_media()


def _head(path: Path, size: int) -> bytes:
    try:
        if not path.is_file():
            raise Poison("there is no such file", reason="not_found")
        return _first_bytes(path, size)
    except OSError as error:
        raise unread(error) from error


def _first_bytes(path: Path, size: int) -> bytes:
    # Without O_NONBLOCK a named pipe would be waited for, perhaps forever.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(handle, size)
    finally:
        os.close(handle)


def _demuxer_of(head: bytes) -> Demuxer | None:
    if head[4:8] in _MOV_BOXES:
        return "mov"
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if _is_mpeg_layer(head):
        return "mp3"
    return next((demuxer for magic, demuxer in _MAGIC if head.startswith(magic)), None)


def _is_mpeg_layer(head: bytes) -> bool:
    """Eleven set bits of sync (ISO 11172-3), then a layer: 0 would be ADTS AAC."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 != 0


def _options(demuxer: Demuxer) -> dict[str, str]:
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": demuxer,
        "max_streams": str(MAX_STREAMS),
        "max_pixels": str(MAX_PIXELS),
        "probesize": str(_PROBE_BYTES),
        "analyzeduration": str(_PROBE_US),
    }
    return options | ({"enable_drefs": "0"} if demuxer == "mov" else {})
