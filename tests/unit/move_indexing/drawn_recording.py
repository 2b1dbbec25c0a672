"""Write a recording with exactly known dancers, who dance with pauses between, to the demo song."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from agents.arrays import Floats
from agents.media.sampled_frames import Frame
from agents.move_indexing.dancers import detection_cache
from agents.move_indexing.dancers.detections import Detection
from infra.base.atomic_file import sha256_of
from tests.odd_media.marked import Samples
from tests.odd_media.writer import Sound, Timed, Video, write
from tests.unit.move_indexing.bodies import BLUE, RED, standing

SIZE, FPS = (160, 120), 10
DANCES = ((1.0, 11.0), (13.0, 24.0))
END_S = 25.0
_CODING = Video(rate=Fraction(FPS), options={"preset": "ultrafast", "g": "20"})


class Finder:
    """Stands in for the networks: a couple that dances in some spans, and stands still at other times."""

    calls = 0
    dances: Sequence[tuple[float, float]] = DANCES
    from_s = 0.0  # the time of the recording at which a clip begins

    def __init__(self, model: Path, confidence: float) -> None:
        """Take the arguments of `DancerFinder`."""

    def find(self, frame: Frame) -> list[Detection]:
        """Return the couple."""
        type(self).calls += 1
        time_s = frame.time_s + self.from_s
        moving = any(start <= time_s <= end for start, end in self.dances)
        swing = 10 * np.sin(2 * np.pi * time_s) if moving else 0.0
        return [_detection(60 + swing, RED, 22), _detection(100 + swing, BLUE, 20)]


def _detection(x: float, colour: Floats, torso_px: float) -> Detection:
    xy = standing() * torso_px + [x, 55]
    return Detection(xy, np.column_stack([xy / 60, np.zeros(33)]), np.tile(colour, 2))


def write_drawn_recording(path: Path, sound: Samples, end_s: float = END_S) -> Path:
    """Write pictures of changing grey, which the finder does not look at, with a sound."""
    return write(path, _pictures(end_s), [Sound(sound)], video=_CODING)


def cache_dancers(
    path: Path, cache_dir: Path, from_s: float = 0.0, dances: Sequence[tuple[float, float]] = DANCES
) -> str:
    """Put the dancers of a recording, or of a clip that begins there, into a cache; return the file's SHA-256."""
    sha256 = sha256_of(path)
    mask = os.umask(0o077)  # as of all programs that write there
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(detection_cache, "DancerFinder", Finder)
            patch.setattr(Finder, "from_s", from_s)
            patch.setattr(Finder, "dances", dances)
            detection_cache.cached_detections(path, sha256, "fast", Path("none"), cache_dir)
    finally:
        os.umask(mask)
    return sha256


def _pictures(end_s: float) -> Iterator[Timed]:
    for number in range(round(end_s * FPS)):
        yield number / FPS, np.full((SIZE[1], SIZE[0], 3), 40 + number % 160, np.uint8)
