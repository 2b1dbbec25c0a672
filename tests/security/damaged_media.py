"""Small songs and clips in every container and codec that is taken, damaged at random; one seed is one damage."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from tests.odd_media.containers import CLIPS, SONGS, write_clip, write_song

_SONG_S, _CLIP_S = 10.5, 2.2
_EXTREMES = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF, 0x01000000)
_NAMES = (
    *(b"moov", b"stts", b"stsz", b"stsc", b"stco", b"ctts", b"elst", b"mdhd", b"tkhd", b"stsd", b"avcC", b"hvcC"),
    *(b"fmt ", b"data", b"ds64", b"COMM", b"SSND", b"FVER", b"desc", b"kuki", b"pakt", b"fLaC", b"OpusHead"),
    *(b"avih", b"strh", b"strf", b"movi", b"idx1", b"00dc", b"01wb", b"Xing", b"Info", b"\x1f\x43\xb6\x75", b"\xae"),
    *(bytes.fromhex(guid) for guid in ("a1dcab8c47a9cf11", "9107dcb7b7a9cf11", "3626b2758e66cf11", "b503bf5f2ea9cf11")),
    *(b"\0\0\x01\xba", b"\0\0\x01\xbb", b"\0\0\x01\xe0", b"\0\0\x01\xc0", b"\0\0\x01\xb3", b"\x47\x40\0", b"\x0b\x77"),
)  # of parts that hold sizes and counts: boxes, chunks, elements, objects, start codes
_HEAD_BYTES = 600
_JUNK = (b"\0", b"\xff", b"\r\n", b"#EXTM3U\n", b"ID3\x04\0\0\0\0\x10\0", b"\x47", b"\xff\xfb\x90\x44")


def write_small_media(folder: Path, every: int = 1) -> tuple[list[Path], list[Path]]:
    """Write a song and a clip of each kind, or of one in so many, and return the songs and the clips."""
    for kind in ("songs", "clips"):
        (folder / kind).mkdir(parents=True)
    songs = [write_song(folder / "songs", name, _SONG_S) for name in [*SONGS][::every]]
    return songs, [write_clip(folder / "clips", name, _CLIP_S) for name in [*CLIPS][::every]]


def damaged(content: bytes, seed: int) -> bytes:
    """Return the content with one to three damages."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    data = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        chance.choice(_DAMAGES)(data, chance)
    return bytes(data)


def _flip_anywhere(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 30)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _flip_in_head(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(min(len(data), _HEAD_BYTES))] = chance.randrange(256)


def _extreme_in_head(data: bytearray, chance: random.Random) -> None:
    _write_extreme(data, chance, chance.randrange(min(len(data), _HEAD_BYTES)))


def _extreme_at_name(data: bytearray, chance: random.Random) -> None:
    """Change a size or another number near the name of a part."""
    names = [name for name in _NAMES if name in data]
    if names:
        name = chance.choice(names)
        place = data.index(name) if chance.random() < 0.5 else data.rindex(name)
        near = (-4, 4, 8, 12, 16, 20, 24, chance.randrange(4, 200))
        _write_extreme(data, chance, max(0, place + chance.choice(near)))


def _truncate(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(16, len(data) + 1) :]


def _remove_or_repeat(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    part = bytes(data[start : start + chance.randrange(1, 5000)])
    data[start : start + (0 if chance.random() < 0.5 else len(part))] = chance.choice((b"", bytes(len(part)), part * 3))


def _swap(data: bytearray, chance: random.Random) -> None:
    """Let two parts of the file change places."""
    first, middle, last, end = sorted(chance.randrange(len(data) + 1) for _ in range(4))
    data[first:end] = data[last:end] + data[middle:last] + data[first:middle]


def _insert_junk(data: bytearray, chance: random.Random) -> None:
    place = chance.choice((0, chance.randrange(len(data) + 1)))
    data[place:place] = chance.choice(_JUNK) * chance.choice((1, 3, 50, 5000))


def _write_extreme(data: bytearray, chance: random.Random, place: int) -> None:
    orders: tuple[Literal["big", "little"], ...] = ("big", "little")
    length = chance.choice((2, 4, 4, 8))
    value = chance.choice((*_EXTREMES, (1 << 8 * length) - 1, 1 << 8 * length - 1))
    data[place : place + length] = (value & (1 << 8 * length) - 1).to_bytes(length, chance.choice(orders))


_DAMAGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(_flip_anywhere, _flip_in_head, _extreme_in_head, _extreme_at_name, _extreme_at_name, _extreme_at_name),
    *(_truncate, _remove_or_repeat, _swap, _insert_junk),
)
