"""Build a clip with exactly known dancers: its detections, and its move in the library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from agents.arrays import Floats
from agents.media.sampled_frames import Frame
from agents.move_indexing.dancers.detection_cache import ClipDetections
from agents.move_indexing.dancers.detections import Detection, FrameDetections
from infra.base.atomic_file import sha256_of
from schemas.base import MediaFacts
from schemas.move_indexed import Dancers, Eight, MoveSummary
from tests.unit.media.media_builders import write_drawn_clip
from tests.unit.move_indexing.bodies import BLUE, RED, standing

SIZE = (640, 480)
SECONDS, FPS, BPM = 4.0, 15, 150.0
HIDDEN_S, GONE_S = (1.35, 1.75), 3.05  # the follow: hidden from and until, absent from


def lead_at(time_s: float) -> Floats:
    """Return the landmarks of the lead, the taller dancer, who moves to and fro: (33, 2)."""
    xy: Floats = standing() * 66 + [230 + 40 * np.sin(2 * time_s), 250]
    return xy


def follow_at(time_s: float) -> Floats:
    """Return the landmarks of the follow: (33, 2)."""
    xy: Floats = standing() * 60 + [410 + 40 * np.sin(2 * time_s), 250]
    return xy


def detections() -> ClipDetections:
    """Return the detections at ten frames per second."""
    return ClipDetections(tuple(_frame(n / 10) for n in range(int(SECONDS * 10))), SIZE)


class Finder:
    """Stands in for the networks: returns the known dancers of each frame."""

    def __init__(self, model: Path, confidence: float) -> None:
        """Take the arguments of `DancerFinder`."""

    def find(self, frame: Frame) -> list[Detection]:
        """Return the known dancers of a frame, in its pixels."""
        scale = np.array(frame.rgb.shape[1::-1]) / SIZE
        return [replace(dancer, xy=dancer.xy * scale) for dancer in _frame(frame.time_s).dancers]


def _frame(time_s: float) -> FrameDetections:
    lead = _detection(lead_at(time_s), RED)
    if HIDDEN_S[0] < time_s < HIDDEN_S[1] or time_s > GONE_S:
        return FrameDetections(time_s, (lead,))
    return FrameDetections(time_s, (lead, _detection(follow_at(time_s), BLUE)))


def _detection(xy: Floats, colour: Floats) -> Detection:
    return Detection(xy, np.column_stack([xy / 200, np.zeros(33)]), np.tile(colour, 2))


def slope(width: int = SIZE[0], height: int = SIZE[1]) -> Floats:
    """Return a picture whose colours encode the position: red increases to the right, green downwards."""
    x, y = np.meshgrid(np.arange(width) * 160 / width, np.arange(height) * 160 / height)
    return np.stack([x + 20, y + 20, np.full_like(x, 60)], axis=2)


def grey(_: float) -> Floats:
    """Return a grey picture without dancers."""
    return np.full((SIZE[1], SIZE[0], 3), 110.0)


def clip(path: Path, picture: Callable[[float], Floats] = grey, *, sound: bool = True) -> Path:
    """Write the clip, and return its path."""
    return write_drawn_clip(path, SECONDS, FPS, SIZE, BPM if sound else None, picture)


def move(path: Path) -> MoveSummary:
    """Return the clip's move in the library: ten beats, one whole eight."""
    facts = MediaFacts(
        sha256=sha256_of(path),
        size_bytes=path.stat().st_size,
        kind="video",
        format="mp4",
        codec="h264",
        duration_s=SECONDS,
        width=SIZE[0],
        height=SIZE[1],
        fps=FPS,
    )
    return MoveSummary(
        clip=facts,
        name="to_and_fro",
        move="to_and_fro",
        category="basic_step",
        difficulty="beginner",
        energy="low",
        tempo_bpm=BPM,
        beats=tuple(round(0.4 * beat, 3) for beat in range(10)),
        counts=(*range(1, 9), 1, 2),
        eights=(Eight(start_beat=0),),
        dancers=Dancers(one=1.0, both=0.7),
    )
