"""The demo clip and a demo song as originals of odd media; each picture of the clip shows its time as a bar code.

The code stands in a strip along the top: 14 bits of the time in milliseconds and 2 of a check sum, dark and light cells
from left to right. It is read from the finished video, so that picture and sound can be compared there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tests.paths import DEMO

SIZE = (640, 360)
FPS = 30
SOUND_HZ = 44_100
SHORT_S = 5.4  # eleven beats: one eight
_TIME_BITS, _CHECK_BITS = 14, 2
_BITS = _TIME_BITS + _CHECK_BITS
STRIP_SHARE = 0.1  # of the picture's height
_DARK, _LIGHT = 32, 220

Rgb = NDArray[np.uint8]  # (height, width, 3)
Samples = NDArray[np.float32]  # (channels, samples)


@dataclass(frozen=True)
class Original:
    """Pictures 640x360 with their times in seconds, stereo sound at 44100 Hz from time 0, and the true beats."""

    pictures: tuple[tuple[float, Rgb], ...]
    sound: Samples
    beats: tuple[float, ...]

    @property
    def duration_s(self) -> float:
        """Return the time at which the last picture ends, seconds."""
        return self.pictures[-1][0] + 1 / FPS

    def at(self, time_s: float) -> Rgb:
        """Return the picture that is nearest to a time."""
        return self.pictures[min(len(self.pictures) - 1, max(0, round(time_s * FPS)))][1]

    def faster(self, fps: int) -> Iterator[tuple[float, Rgb]]:
        """Yield the pictures at a higher rate, each with its own time in its bar code."""
        for number in range(round(self.duration_s * fps)):
            yield number / fps, marked(self.pictures[number * FPS // fps][1], number / fps)

    def changed(self, change: Callable[[Rgb], Rgb]) -> Original:
        """Return the original with changed pictures, each with its bar code."""
        return replace(self, pictures=tuple((time_s, marked(change(rgb), time_s)) for time_s, rgb in self.pictures))

    def part(self, start_s: float, end_s: float) -> tuple[tuple[float, Rgb], ...]:
        """Return the pictures from one time until before another."""
        return tuple(timed for timed in self.pictures if start_s - 1e-6 <= timed[0] < end_s - 1e-6)


@cache
def unmarked_long_original() -> Original:
    """Return all 8.4 s of the demo clip `basic_side`, seventeen beats, without bar codes."""
    path = DEMO / "clips" / "basic_side.mp4"
    with av.open(str(path)) as reader:
        frames = [_small(frame.to_ndarray(format="rgb24")) for frame in reader.decode(video=0)]
    beats = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["beats"]
    pictures = tuple((number / FPS, rgb) for number, rgb in enumerate(frames))
    return Original(pictures, plain_sound(path), tuple(beats))


@cache
def unmarked_original() -> Original:
    """Return the first 5.4 s of the demo clip, without bar codes."""
    return _short(unmarked_long_original())


@cache
def long_original() -> Original:
    """Return all 8.4 s of the demo clip."""
    return unmarked_long_original().changed(lambda rgb: rgb)


@cache
def original() -> Original:
    """Return the first 5.4 s of the demo clip: eleven beats."""
    return _short(long_original())


@cache
def small_long_original() -> Original:
    """Return all 8.4 s of the demo clip, 160x90: for tests that read times and marks, and no poses."""
    return unmarked_long_original().changed(lambda rgb: rgb[::4, ::4])


@cache
def small_original() -> Original:
    """Return the first 5.4 s of the demo clip, 160x90."""
    return _short(small_long_original())


def _short(whole: Original) -> Original:
    beats = tuple(beat for beat in whole.beats if beat < SHORT_S)
    sound = whole.sound[:, : round(SHORT_S * SOUND_HZ)]
    return replace(whole, pictures=whole.part(0, SHORT_S), sound=sound, beats=beats)


def _small(rgb: NDArray[Any]) -> Rgb:
    return np.asarray(cv2.resize(rgb, SIZE, interpolation=cv2.INTER_AREA), np.uint8)


@cache
def song(seconds: float = 12.5, start_s: float = 0.0) -> Samples:
    """Return a part of the demo song `luna_124`, stereo at 44100 Hz."""
    samples = plain_sound(DEMO / "songs" / "luna_124.mp3", start_s + seconds)
    return samples[:, round(start_s * SOUND_HZ) :]


def plain_sound(path: Path, seconds: float = 1e9) -> Samples:
    """Return a file's first sound from its container's start, as PyAV decodes it, stereo at 44100 Hz."""
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SOUND_HZ)
    with av.open(str(path)) as reader:
        stream, start_s = reader.streams.audio[0], (reader.start_time or 0) / av.time_base
        first_s, count = 0.0, 0
        blocks: list[NDArray[Any]] = []
        for frame in reader.decode(stream):
            if not blocks and frame.time is not None:
                first_s = max(0.0, float(frame.time) - start_s)
            frame.pts = None
            blocks += [resampled.to_ndarray() for resampled in resampler.resample(frame)]
            count += sum(block.shape[1] for block in blocks[-1:])
            if count > seconds * SOUND_HZ:
                break
        blocks += [resampled.to_ndarray() for resampled in resampler.resample(None)]
    silence = np.zeros((2, round(first_s * SOUND_HZ)), np.float32)
    samples = np.concatenate([silence, *blocks], axis=1).astype(np.float32)
    return samples[:, : round(min(seconds, 1e6) * SOUND_HZ)]


def marked(rgb: Rgb, time_s: float) -> Rgb:
    """Return the picture with its time in the strip along its top."""
    value = round(time_s * 1000)
    code = value << _CHECK_BITS | _check(value)
    picture, height = rgb.copy(), round(len(rgb) * STRIP_SHARE)
    width = rgb.shape[1]
    for bit in range(_BITS):
        on = code >> (_BITS - 1 - bit) & 1
        picture[:height, width * bit // _BITS : width * (bit + 1) // _BITS] = _LIGHT if on else _DARK
    return picture


def read_mark(luma: NDArray[Any]) -> float | None:
    """Return the time in seconds that an upright picture shows, without bars around it; None where it shows none."""
    height, width = luma.shape
    rows = luma[max(1, round(height * STRIP_SHARE * 0.3)) : round(height * STRIP_SHARE * 0.7) + 1]
    cells = np.array([_cell(rows, bit, width) for bit in range(_BITS)])
    middle = (cells.min() + cells.max()) / 2
    if np.ptp(cells) < 60 or np.abs(cells - middle).min() < 0.15 * np.ptp(cells):
        return None
    code = int("".join("1" if cell > middle else "0" for cell in cells), 2)
    value = code >> _CHECK_BITS
    return value / 1000 if _check(value) == code & (1 << _CHECK_BITS) - 1 else None


def _cell(rows: NDArray[Any], bit: int, width: int) -> float:
    left, right = (width * (bit + share) / _BITS for share in (0.3, 0.7))
    return float(rows[:, round(left) : max(round(left) + 1, round(right))].mean())


def _check(value: int) -> int:
    """Return 2 bits that are never equal to the time's lowest ones where all are 0: a plain strip is no code."""
    return (value.bit_count() + 1) % (1 << _CHECK_BITS)
