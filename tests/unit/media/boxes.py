"""Build mp4 files box by box, with tables that claim what the file does not have (ISO 14496-12)."""

from __future__ import annotations

import struct

_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_FILE_TYPE_BYTES = 28
_ONE_SAMPLE_SIZE, _DEFAULT_BASE = 0x10, 0x20000


def box(name: bytes, *content: bytes) -> bytes:
    """Return a box."""
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + name + body


def full_box(name: bytes, *content: bytes, flags: int = 0) -> bytes:
    """Return a box with a version of 0 and flags."""
    return box(name, struct.pack(">I", flags), *content)


FILE_TYPE = box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso2mp41")
DATA = box(b"mdat", bytes(64))


def movie(tracks: int = 1, samples: int = 3, video: bool = True, fragments: bool = False, edits: int = 0) -> bytes:
    """Return a `moov` box whose tracks claim `samples` samples of one byte each, and `edits` edits."""
    header = full_box(
        b"mvhd", _numbers(0, 0, 1000, 5000, 0x10000, 0x1000000), bytes(8), _MATRIX, bytes(24), _numbers(2)
    )
    extends = box(b"mvex", *(full_box(b"trex", _numbers(n + 1, 1, 3000, 1, 0)) for n in range(tracks)))
    content = [_track(number + 1, samples, video, edits) for number in range(tracks)]
    return box(b"moov", header, *content, extends if fragments else b"")


def fragment(samples: int) -> bytes:
    """Return a `moof` box that claims `samples` samples, all with the defaults of its track."""
    run = full_box(b"trun", _numbers(samples))
    header = full_box(b"tfhd", _numbers(1), flags=_DEFAULT_BASE)
    return box(b"moof", full_box(b"mfhd", _numbers(1)), box(b"traf", header, run))


def _track(number: int, samples: int, video: bool, edits: int) -> bytes:
    header = full_box(
        b"tkhd", _numbers(0, 0, number, 0, 5000), bytes(16), _MATRIX, _numbers(96 << 16, 64 << 16), flags=3
    )
    edit_list = full_box(b"elst", _numbers(edits), *[struct.pack(">IiI", 1, n % 5000, 0x10000) for n in range(edits)])
    media_header = full_box(b"mdhd", _numbers(0, 0, 90_000, 450_000, 0))
    handler = full_box(b"hdlr", _numbers(0), b"vide" if video else b"soun", bytes(12), b"a\0")
    reference = box(b"dinf", full_box(b"dref", _numbers(1), full_box(b"url ", flags=1)))
    information = box(b"minf", full_box(b"vmhd", bytes(8), flags=1), reference, _table(samples, video))
    return box(b"trak", header, box(b"edts", edit_list), box(b"mdia", media_header, handler, information))


def _table(samples: int, video: bool) -> bytes:
    return box(
        b"stbl",
        full_box(b"stsd", _numbers(1), _picture_format() if video else _sound_format()),
        full_box(b"stts", _numbers(1, samples, 3000)),
        full_box(b"stsc", _numbers(1, 1, samples, 1)),
        full_box(b"stsz", _numbers(1, samples)),
        full_box(b"stco", _numbers(1, _FILE_TYPE_BYTES + 8)),
    )


def _picture_format() -> bytes:
    size = struct.pack(">HHIIIH", 96, 64, 0x480000, 0x480000, 0, 1)
    return box(b"mp4v", bytes(6), b"\0\1", bytes(16), size, bytes(32), struct.pack(">HH", 24, 0xFFFF))


def _sound_format() -> bytes:
    return box(b"sowt", bytes(6), b"\0\1", bytes(8), struct.pack(">HHHHI", 1, 16, 0, 0, 44_100 << 16))


def _numbers(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)
