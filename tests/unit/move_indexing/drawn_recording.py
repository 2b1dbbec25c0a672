"""Write a recording with exactly known dancers, who dance twice with a pause between, to the demo song."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from agents.arrays import Floats
from agents.media.sampled_frames import Frame
from agents.move_indexing.dancers.detections import Detection
from tests.odd_media.marked import Samples
from tests.odd_media.writer import Sound, Timed, Video, write
from tests.unit.move_indexing.bodies import BLUE, RED, standing

SIZE, FPS = (160, 120), 10
DANCES = ((1.0, 11.0), (13.0, 24.0))
END_S = 25.0
_CODING = Video(rate=Fraction(FPS), options={"preset": "ultrafast", "g": "20"})


class Finder:
    """Stands in for the networks: a couple that dances in the spans above, and stands still at other times."""

    calls = 0
    from_s = 0.0  # the time of the recording at which a clip begins

    def __init__(self, model: Path, confidence: float) -> None:
        """Take the arguments of `DancerFinder`."""

    def find(self, frame: Frame) -> list[Detection]:
        """Return the couple."""
        type(self).calls += 1
        time_s = frame.time_s + self.from_s
        moving = any(start <= time_s <= end for start, end in DANCES)
        swing = 10 * np.sin(2 * np.pi * time_s) if moving else 0.0
        return [_detection(60 + swing, RED, 22), _detection(100 + swing, BLUE, 20)]


def _detection(x: float, colour: Floats, torso_px: float) -> Detection:
    xy = standing() * torso_px + [x, 55]
    return Detection(xy, np.column_stack([xy / 60, np.zeros(33)]), np.tile(colour, 2))


def write_drawn_recording(path: Path, sound: Samples) -> Path:
    """Write pictures of changing grey, which the finder does not look at, with a sound."""
    return write(path, _pictures(), [Sound(sound)], video=_CODING)


def _pictures() -> Iterator[Timed]:
    for number in range(round(END_S * FPS)):
        yield number / FPS, np.full((SIZE[1], SIZE[0], 3), 40 + number % 160, np.uint8)
