"""Create many different songs and clips quickly."""

from __future__ import annotations

import hashlib
import random
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from tests.chaos.schedule import seed
from tests.paths import DEMO, SHARED

RATE = 22_050
# Annotated for `clip_contents`, some of which have no beat in their sound; the shortest have eight of these beats.
CLIP_TEMPO_BPM = 160.0
_WITHOUT_EIGHT = ("lady_left_turn_1", "lady_left_turn_2")  # less than eight beats of their sound: refused
_SHORTEST_S, _LONGEST_S = 10.0, 13.0

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Song:
    """A file below the allowed root, and its content's sha256."""

    path: Path
    sha256: str


def clip_contents(count: int) -> list[bytes]:
    """Return the contents of different clips: the shared ones, else demo clips; more differ behind their last box."""
    shared = [file for file in sorted((SHARED / "clips").rglob("*.mp4")) if file.stem not in _WITHOUT_EIGHT]
    files = shared or sorted((DEMO / "clips").glob("*.mp4"))
    found = [file.read_bytes() for file in files[:count]]
    box = b"\x00\x00\x00\x10free"
    return found + [found[number % len(found)] + box + number.to_bytes(8, "big") for number in range(len(found), count)]


def make_songs(folder: Path, count: int) -> list[Song]:
    """Return `count` different WAV files of 10 to 13 s in `folder`."""
    recordings = [_decoded(path) for path in sorted((DEMO / "songs").glob("*.mp3"))]
    rng = random.Random(seed())  # noqa: S311 - songs, no secret
    return [_write(folder / f"song-{number:03d}.wav", _window(rng, recordings)) for number in range(count)]


def _window(rng: random.Random, recordings: list[Samples]) -> Samples:
    recording = rng.choice(recordings)
    length = round(rng.uniform(_SHORTEST_S, _LONGEST_S) * RATE)
    start = rng.randrange(len(recording) - length)
    return recording[start : start + length]


def _write(path: Path, samples: Samples) -> Song:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return Song(path, hashlib.sha256(path.read_bytes()).hexdigest())


def _decoded(path: Path) -> Samples:
    return np.concatenate(list(_blocks(path)))


def _blocks(path: Path) -> Iterator[npt.NDArray[Any]]:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            yield from (block.to_ndarray()[0] for block in resampler.resample(frame))
