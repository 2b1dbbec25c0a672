"""Find where a stream begins whose file begins with something else, such as the rest of a frame of a stream rip.

Several frames must follow each other at the distances that their headers state, so that text and noise are not taken
for media.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from agents.media.formats import Demuxer

_MAX_PLACES = 40_000  # noise has 1,000; a file that is made to take time has more
_Frame = tuple[int, int]  # what all frames of a stream have in common, and the length in bytes


class _Kind(NamedTuple):
    """`frame` reads a header at an offset; `frames`: how many must follow each other."""

    demuxer: Demuxer
    sync: bytes
    frame: Callable[[bytes, int], _Frame | None]
    frames: int


def find_stream(data: bytes) -> tuple[Demuxer, int] | None:
    """Return the demuxer of the first stream in `data` and the offset of its first frame; `None` without one."""
    found: list[tuple[int, Demuxer]] = []
    for kind in _KINDS:
        last = min(found)[0] if found else len(data)
        if (at := _first(kind, data, last)) is not None:
            found.append((at, kind.demuxer))
    at, demuxer = min(found, default=(0, None))
    return None if demuxer is None else (demuxer, at)


def _first(kind: _Kind, data: bytes, last: int) -> int | None:
    places = islice(_places(kind.sync, data, last), _MAX_PLACES)
    return next((at for at in places if _begins_stream(kind, data, at)), None)


def _places(sync: bytes, data: bytes, last: int) -> Iterator[int]:
    """Yield the offsets of a sync code, up to `last`."""
    at = data.find(sync, 0, last + len(sync))
    while at >= 0:
        yield at
        at = data.find(sync, at + 1, last + len(sync))


def _begins_stream(kind: _Kind, data: bytes, at: int) -> bool:
    """Return whether enough frames follow each other from `at`, all with the same properties."""
    frames = list(islice(_frames(kind, data, at), kind.frames))
    return len(frames) == kind.frames and len({common for common, _ in frames}) == 1


def _frames(kind: _Kind, data: bytes, at: int) -> Iterator[_Frame]:
    while data.startswith(kind.sync, at) and (frame := kind.frame(data, at)):
        yield frame
        at += frame[1]


# ISO 11172-3 and 13818-3: bit rates in kbit/s by (is MPEG-1, layer), and sample rates by version (2.5, -, 2, 1).
_KBITS = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MPEG_HZ = ((11_025, 12_000, 8_000), (), (22_050, 24_000, 16_000), (44_100, 48_000, 32_000))


class MpegFrame(NamedTuple):
    """Facts of a frame of MPEG audio. `version`: 0 for 2.5, 2 for 2, 3 for 1."""

    version: int
    layer: int
    rate_hz: int
    samples: int
    size: int
    mono: bool


def mpeg_frame(data: bytes, at: int) -> MpegFrame | None:
    """Return the frame of MPEG audio (layers 1 to 3) whose header is at an offset; `None` where none is."""
    if len(data) < at + 4 or data[at] != 0xFF or data[at + 1] & 0xE0 != 0xE0:
        return None
    version, layer = data[at + 1] >> 3 & 3, 4 - (data[at + 1] >> 1 & 3)
    bit_rate, rate, padding = data[at + 2] >> 4, data[at + 2] >> 2 & 3, data[at + 2] >> 1 & 1
    if version == 1 or layer == 4 or bit_rate in {0, 15} or rate == 3:
        return None
    rate_hz = _MPEG_HZ[version][rate]
    bits = 1000 * _KBITS[version == 3, layer][bit_rate - 1]
    samples = {1: 384, 2: 1152, 3: 1152 if version == 3 else 576}[layer]
    size = (12 * bits // rate_hz + padding) * 4 if layer == 1 else samples // 8 * bits // rate_hz + padding
    return MpegFrame(version, layer, rate_hz, samples, size, data[at + 3] >> 6 == 3)


def _mpeg(data: bytes, at: int) -> _Frame | None:
    frame = mpeg_frame(data, at)
    return None if frame is None else (frame.version << 24 | frame.layer << 20 | frame.rate_hz, frame.size)


def _adts(data: bytes, at: int) -> _Frame | None:
    """Read a header of AAC (ISO 13818-7)."""
    head = data[at : at + 7]
    if len(head) < 7 or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12:
        return None
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return ((head[2] & 0xFD) << 8 | head[3] & 0xC0, size) if size > 7 else None


# ETSI TS 102 366: bit rates of AC-3 in kbit/s.
_AC3_KBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
_AC3_HZ = (48_000, 44_100, 32_000)


def _ac3(data: bytes, at: int) -> _Frame | None:
    head = data[at : at + 6]
    if len(head) < 6 or head[5] >> 3 > 10 or head[4] >> 6 == 3 or head[4] >> 1 & 31 >= len(_AC3_KBITS):
        return None
    rate_hz = _AC3_HZ[head[4] >> 6]
    words = _AC3_KBITS[head[4] >> 1 & 31] * 1000 * 1536 // rate_hz // 16
    return rate_hz, 2 * (words + (head[4] & 1 if rate_hz == 44_100 else 0))


def _eac3(data: bytes, at: int) -> _Frame | None:
    head = data[at : at + 6]
    if len(head) < 6 or not 10 < head[5] >> 3 <= 16 or head[2] >> 6 == 3:
        return None
    return head[4] >> 6, 2 * (((head[2] & 7) << 8 | head[3]) + 1)


def _transport(size: int) -> Callable[[bytes, int], _Frame | None]:
    def packet(data: bytes, at: int) -> _Frame | None:
        """Read a packet of a transport stream (ISO 13818-1): without an error, with a payload or an adaptation."""
        head = data[at : at + 4]
        return (0, size) if len(head) == 4 and not head[1] & 0x80 and head[3] & 0x30 else None

    return packet


def _program(data: bytes, at: int) -> _Frame | None:
    """Read a start code of a program stream (ISO 11172-1 and 13818-1): a pack's header, or a packet with its length."""
    head = data[at : at + 14]
    if len(head) < 14 or head[3] < 0xBA:
        return None
    if head[3] > 0xBA:
        return 0, 6 + int.from_bytes(head[4:6], "big")
    if head[4] >> 6 == 1:
        return 0, 14 + (head[13] & 7)
    return (0, 12) if head[4] >> 4 == 2 else None


# The longest sync codes first: where a stream is found early, those of one byte are searched up to there only.
_KINDS = (
    _Kind("mpeg", b"\0\0\x01", _program, 5),
    _Kind("ac3", b"\x0b\x77", _ac3, 4),
    _Kind("eac3", b"\x0b\x77", _eac3, 4),
    *(_Kind("mpegts", b"\x47", _transport(size), 12) for size in (188, 192, 204)),
    _Kind("mp3", b"\xff", _mpeg, 4),
    _Kind("aac", b"\xff", _adts, 4),
)
