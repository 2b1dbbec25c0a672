"""Choose the demuxer of a file by its first bytes.

FFmpeg's own choice would follow a playlist that is named as a song.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Literal

from schemas.faults import Fault, Poison, storage_fault

Demuxer = Literal["mov", "mp3", "flac", "ogg", "wav", "matroska"]

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
    """Return the demuxer for a file.

    Raises: `Poison`: `not_found`, `unreadable`, `empty`, `not_media`; `Retryable` (`storage`).
    """
    head = first_bytes(path, _HEAD_BYTES)
    if not head:
        raise Poison("the file is empty; export or download it again", reason="empty")
    demuxer = _demuxer_of(head)
    if demuxer is None:
        raise not_media()
    return demuxer


def first_bytes(path: Path, size: int) -> bytes:
    """Return at most `size` bytes. Raises: `Poison`: `not_found`, `unreadable`; `Retryable` (`storage`)."""
    try:
        if not path.is_file():
            raise Poison("there is no such file", reason="not_found")
        return _read_start(path, size)
    except OSError as error:
        raise unreadable(error) from error


def not_media() -> Poison:
    """Return the fault of a file that is not audio or video."""
    return Poison("this is not a readable mp3, m4a, flac, ogg, wav, mp4, mov, mkv or webm file", reason="not_media")


def unreadable(error: OSError) -> Fault:
    """Return the fault of a file that cannot be read; without its path, which would reveal the machine's folders."""
    if error.errno in _NO_SUCH_NAME:
        return Poison("there is no such file", reason="not_found")
    if isinstance(error, PermissionError):
        return Poison("the file may not be read; change its permissions", reason="unreadable")
    return storage_fault(f"the file cannot be read now: {error.strerror}", error.errno)


def _read_start(path: Path, size: int) -> bytes:
    # Without O_NONBLOCK, opening a named pipe would block, perhaps forever.
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
    """Return whether it begins with eleven set sync bits (ISO 11172-3) and a layer; layer 0 would be ADTS AAC."""
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 != 0
