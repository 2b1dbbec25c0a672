"""Choose the demuxer of a file by its content, and where its content begins.

FFmpeg's own choice would follow a playlist that is named as a song. In front of the content there may be tags (ID3v2,
APEv2), headers of a web server, zeros and line ends, or the rest of a frame: they are skipped.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from agents.media.formats import LEFT_OUT, NAMES, Demuxer
from agents.media.frame_search import find_stream
from schemas.faults import Fault, Poison, storage_fault

_HEAD_BYTES = 16
_SEARCHED_BYTES = 256 << 10  # after the tags: the rest of a frame, headers of a web server, padding
_MAX_TAGS = 16
_PADDING = b"\0\r\n\t "
_WEB_HEADERS = (b"HTTP/", b"ICY ")
_MOV_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_MAGIC: tuple[tuple[bytes, Demuxer], ...] = (
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"\x1aE\xdf\xa3", "matroska"),
    (b"caff\0\x01", "caf"),
    (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "asf"),
    (bytes.fromhex("726966662e91cf11a5d628db04c10000"), "w64"),
    (b"\0\0\x01\xba", "mpeg"),
)
# The first four bytes of a file in chunks, and its type, which follows the size.
_CHUNKS: dict[tuple[bytes, bytes], Demuxer] = {
    **{(name, b"WAVE"): "wav" for name in (b"RIFF", b"RIFX", b"RF64", b"BW64")},
    (b"RIFF", b"AVI "): "avi",
    **{(b"FORM", name): "aiff" for name in (b"AIFF", b"AIFC")},
}
_NO_SUCH_NAME = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP})

_Read = Callable[[int, int], bytes]  # from an offset, so many bytes or what there is


class Content(NamedTuple):
    """The demuxer of a file's content, and the offset in bytes at which the content begins."""

    demuxer: Demuxer
    offset: int


def sniff(path: Path) -> Content:
    """Return the demuxer for a file, and where its content begins.

    Raises: `Poison`: `not_found`, `unreadable`, `empty`, `not_media`; `Retryable` (`storage`).
    """
    with _reader(path) as read:
        head = read(0, _HEAD_BYTES)
        if not head:
            raise Poison("the file is empty; export or download it again", reason="empty")
        demuxer = _demuxer_of(head)
        return Content(demuxer, 0) if demuxer else _content(read, _after_tags(read))


def first_bytes(path: Path, size: int) -> bytes:
    """Return at most `size` bytes. Raises: `Poison`: `not_found`, `unreadable`; `Retryable` (`storage`)."""
    with _reader(path) as read:
        return read(0, size)


def not_media() -> Poison:
    """Return the fault of a file that is not audio or video."""
    return Poison(f"this is not a readable {NAMES} file", reason="not_media")


def unreadable(error: OSError) -> Fault:
    """Return the fault of a file that cannot be read; without its path, which would reveal the machine's folders."""
    if error.errno in _NO_SUCH_NAME:
        return Poison("there is no such file", reason="not_found")
    if isinstance(error, PermissionError):
        return Poison("the file may not be read; change its permissions", reason="unreadable")
    return storage_fault(f"the file cannot be read now: {error.strerror}", error.errno)


@contextmanager
def _reader(path: Path) -> Iterator[_Read]:
    """Open a file, and yield what reads from it. Raises: `Poison`: `not_found`, `unreadable`; `Retryable`."""
    try:
        if not path.is_file():
            raise Poison("there is no such file", reason="not_found")
        # Without O_NONBLOCK, opening a named pipe would block, perhaps forever.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            yield lambda offset, size: os.pread(handle, size, offset)
        finally:
            os.close(handle)
    except OSError as error:
        raise unreadable(error) from error


def _after_tags(read: _Read) -> int:
    """Return where the tags in front end; a tag that claims more than the file has ends after its header."""
    at = 0
    for _ in range(_MAX_TAGS):
        size = _tag_bytes(read(at, 32))
        if not size:
            break
        at += size if read(at + size, 1) else 10
    return at


def _tag_bytes(head: bytes) -> int:
    """Return the length of the tag with this header, 0 if it is none: ID3v2, ID3v1, or APEv2 with its header."""
    if head.startswith(b"ID3") and len(head) >= 10 and max(head[6:10]) < 0x80:
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        return 10 + size + (10 if head[5] & 0x10 else 0)
    if head.startswith(b"APETAGEX") and len(head) == 32:
        return 32 + int.from_bytes(head[12:16], "little")
    return 128 if head.startswith(b"TAG") else 0


def _content(read: _Read, start: int) -> Content:
    data = read(start, _SEARCHED_BYTES)
    for junk in (0, *_junk(data)):
        demuxer = _demuxer_of(data[junk : junk + _HEAD_BYTES])
        if demuxer:
            return Content(demuxer, start + junk)
    found = find_stream(data)
    if found is None:
        raise _refused(data.lstrip(_PADDING))
    demuxer, at = found
    return Content(demuxer, start + at)


def _junk(data: bytes) -> Iterator[int]:
    """Yield where content may begin: after padding, or up to four bytes before its end, and after web headers.

    The size of an mp4's first box, usually 32, looks like padding.
    """
    padding = len(data) - len(data.lstrip(_PADDING))
    yield from range(padding, max(0, padding - 5), -1)
    if data.startswith(_WEB_HEADERS, padding):
        yield from (end + len(line) for line in (b"\r\n\r\n", b"\n\n") if (end := data.find(line)) >= 0)


def _refused(head: bytes) -> Poison:
    what = next((left_out.what for left_out in LEFT_OUT if head.startswith(left_out.start)), None)
    if what is None:
        return not_media()
    return Poison(f"this is {what}, which is not taken; give {NAMES}", reason="not_media")


def _demuxer_of(head: bytes) -> Demuxer | None:
    """Return the demuxer of content that begins so; streams of frames have no magic, they are searched for."""
    if head[4:8] in _MOV_BOXES:
        return "mov"
    magic = next((demuxer for magic, demuxer in _MAGIC if head.startswith(magic)), None)
    return magic or _CHUNKS.get((head[:4], head[8:12]))
