"""Long recordings of a class, joined from clips: dances with pauses between, with music, talk or silence in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, repeat
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from agents.media.pictures import pictures
from tests.odd_media import sounds
from tests.odd_media.marked import SOUND_HZ, Rgb, Samples, plain_sound
from tests.odd_media.writer import Sound, Timed, Video, write

SIZE = (640, 360)
FPS = 15
_QUIET = 0.003  # RMS of a quiet room: -50 dB
_CODING = {"preset": "veryfast", "crf": "26", "g": "45"}


@dataclass(frozen=True)
class Pause:
    """A time without dancing: the last picture stands still, or the room is empty; and what is heard."""

    seconds: float
    picture: Literal["still", "empty"] = "still"
    sound: Literal["silence", "quiet", "talk"] = "silence"


@dataclass(frozen=True)
class Recording:
    """A recording: its file, and the start and end of each of its dances, seconds."""

    path: Path
    dances: tuple[tuple[float, float], ...]


def write_recording(path: Path, clips: Sequence[Path], pauses: Sequence[Pause]) -> Recording:
    """Write a recording of clips, a pause before each and one at the end."""
    dances = _dances([sum(1 for _ in _resampled(clip)) for clip in clips], pauses)
    tracks: list[Samples] = []
    for clip, pause, (start_s, end_s) in zip(clips, pauses, dances, strict=False):
        tracks += [_pause_sound(pause), _fitted(plain_sound(clip), end_s - start_s)]
    tracks.append(_pause_sound(pauses[-1]))
    samples = np.concatenate(tracks, axis=1)
    write(path, _pictures(clips, pauses), [Sound(samples)], video=Video(rate=Fraction(FPS), options=_CODING))
    return Recording(path, tuple(dances))


def _dances(lengths: Sequence[int], pauses: Sequence[Pause]) -> list[tuple[float, float]]:
    """Return the start and end of each dance; `lengths`: of each, pictures."""
    dances, number = [], 0
    for length, pause in zip(lengths, pauses, strict=False):
        number += _length(pause)
        dances.append((number / FPS, (number + length) / FPS))
        number += length
    return dances


def _length(pause: Pause) -> int:
    return round(pause.seconds * FPS)


def _pictures(clips: Sequence[Path], pauses: Sequence[Pause]) -> Iterator[Timed]:
    number, last = 0, _empty_room()
    for clip, pause in zip([*clips, None], pauses, strict=True):
        paused = repeat(_empty_room() if pause.picture == "empty" else last, _length(pause))
        for rgb in chain(paused, _resampled(clip) if clip else ()):
            yield number / FPS, rgb
            number, last = number + 1, rgb


def _resampled(clip: Path) -> Iterator[Rgb]:
    """Yield a clip's pictures at the recording's rate and size, with bars where its shape differs."""
    due = 0
    for picture in pictures(clip):
        while picture.time_s >= due / FPS - 1e-6:
            yield _boxed(picture.rgb)
            due += 1


def _boxed(rgb: Rgb) -> Rgb:
    scale = min(SIZE[0] / rgb.shape[1], SIZE[1] / rgb.shape[0])
    width, height = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
    boxed = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    left, top = (SIZE[0] - width) // 2, (SIZE[1] - height) // 2
    boxed[top : top + height, left : left + width] = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
    return boxed


def _empty_room() -> Rgb:
    """Return a picture of a wall and a floor."""
    room = np.full((SIZE[1], SIZE[0], 3), (196, 190, 180), np.uint8)
    room[2 * SIZE[1] // 3 :] = (120, 96, 72)
    return room


def _pause_sound(pause: Pause) -> Samples:
    samples = round(_length(pause) / FPS * SOUND_HZ)
    if pause.sound == "silence":
        return np.zeros((2, samples), np.float32)
    if pause.sound == "talk":
        return sounds.speech(pause.seconds + 1)[:, :samples].astype(np.float32)
    noise = np.random.default_rng(3).standard_normal((1, samples))
    return np.repeat(_QUIET * noise, 2, axis=0).astype(np.float32)


def _fitted(sound: Samples, seconds: float) -> Samples:
    """Return a sound of exactly this length, with silence at its end or without its end."""
    samples = round(seconds * SOUND_HZ)
    return np.pad(sound[:, :samples], ((0, 0), (0, max(0, samples - sound.shape[1])))).astype(np.float32)
