"""Small songs and clips of all accepted formats, damaged at random; one seed is one damage."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from agents.audio_analysis.decode import SAMPLE_RATE_HZ, decode_mono
from tests.paths import DEMO
from tests.unit.media.media_builders import write_clip, write_sound

_SONGS = {"a.mp3": "libmp3lame", "a.m4a": "aac", "a.flac": "flac", "a.ogg": "libopus", "a.oga": "flac"} | {
    "a.wav": "pcm_s16le",
    "a.mkv": "flac",
}
_CLIPS = {"c.mp4": "libx264", "c.mkv": "libx264", "c.webm": "libvpx-vp9", "d.mp4": "mpeg4"}
_SONG_S, _CLIP_S = 10.5, 2.2
_EXTREMES = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF, 0x01000000)
_INDEX_NAMES = (
    b"moov",
    b"stts",
    b"stsz",
    b"stsc",
    b"stco",
    b"ctts",
    b"elst",
    b"mdhd",
    b"tkhd",
    b"stsd",
    b"avcC",
    b"fmt ",
)
_HEAD_BYTES = 600


def write_small_media(folder: Path) -> tuple[list[Path], list[Path]]:
    """Write a song and a clip of each format, and return the songs and the clips."""
    samples = np.concatenate(list(decode_mono(DEMO / "songs" / "luna_124.mp3")))[: round(_SONG_S * SAMPLE_RATE_HZ)]
    whole = (samples * 32767).astype(np.int16)
    rates = {"libopus": 48_000}
    songs = [
        write_sound(
            folder / name, _at_rate(whole, rates.get(codec, SAMPLE_RATE_HZ)), codec, rates.get(codec, SAMPLE_RATE_HZ)
        )
        for name, codec in _SONGS.items()
    ]
    return songs, [write_clip(folder / name, _CLIP_S, 12, codec=codec) for name, codec in _CLIPS.items()]


def _at_rate(samples: Any, rate: int) -> Any:
    return np.interp(np.arange(0, len(samples), SAMPLE_RATE_HZ / rate), np.arange(len(samples)), samples).astype(
        np.int16
    )


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


def _extreme_in_index(data: bytearray, chance: random.Random) -> None:
    """Change a number of an mp4's or wav's table, or its size."""
    names = [name for name in _INDEX_NAMES if name in data]
    if names:
        place = data.index(chance.choice(names))
        _write_extreme(data, chance, max(0, place + chance.choice((-4, 4, 8, 12, 16, 20, chance.randrange(4, 200)))))


def _truncate(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(16, len(data) + 1) :]


def _remove_or_repeat(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    part = bytes(data[start : start + chance.randrange(1, 5000)])
    data[start : start + (0 if chance.random() < 0.5 else len(part))] = chance.choice((b"", bytes(len(part)), part * 3))


def _write_extreme(data: bytearray, chance: random.Random, place: int) -> None:
    order = chance.choice(("big", "little"))
    data[place : place + 4] = chance.choice(_EXTREMES).to_bytes(4, order)  # type: ignore[arg-type]


_DAMAGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(_flip_anywhere, _flip_in_head, _extreme_in_head, _extreme_in_index, _extreme_in_index),
    *(_truncate, _remove_or_repeat),
)
