"""A clip whose dancers are known to the pixel: what was seen in it, and the move it makes in the library."""

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
SECONDS, FPS, BPM = 4.0, 30, 150.0
HIDDEN_S, GONE_S = (1.35, 1.75), 3.05  # the follow: for a moment, and for good


def lead_at(time_s: float) -> Floats:
    """(33, 2): the taller one, who goes to and fro."""
    xy: Floats = standing() * 66 + [230 + 40 * np.sin(2 * time_s), 250]
    return xy


def follow_at(time_s: float) -> Floats:
    """(33, 2): the other."""
    xy: Floats = standing() * 60 + [410 + 40 * np.sin(2 * time_s), 250]
    return xy


def seen() -> ClipDetections:
    """What ten looks a second saw."""
    return ClipDetections(tuple(_moment(n / 10) for n in range(int(SECONDS * 10))), SIZE)


class Finder:
    """Stands in for the networks: it sees in each frame of the clip who is there."""

    def __init__(self, model: Path, confidence: float) -> None:
        """As `DancerFinder`."""

    def find(self, frame: Frame) -> list[Detection]:
        """As `DancerFinder`."""
        scale = np.array(frame.rgb.shape[1::-1]) / SIZE
        return [replace(dancer, xy=dancer.xy * scale) for dancer in _moment(frame.time_s).dancers]


def _moment(time_s: float) -> FrameDetections:
    lead = _sighting(lead_at(time_s), RED)
    if HIDDEN_S[0] < time_s < HIDDEN_S[1] or time_s > GONE_S:
        return FrameDetections(time_s, (lead,))
    return FrameDetections(time_s, (lead, _sighting(follow_at(time_s), BLUE)))


def _sighting(xy: Floats, colour: Floats) -> Detection:
    return Detection(xy, np.column_stack([xy / 200, np.zeros(33)]), np.tile(colour, 2))


def slope(width: int = SIZE[0], height: int = SIZE[1]) -> Floats:
    """A picture that says of each pixel where it is: red rises to the right, green downwards."""
    x, y = np.meshgrid(np.arange(width) * 160 / width, np.arange(height) * 160 / height)
    return np.stack([x + 20, y + 20, np.full_like(x, 60)], axis=2)


def grey(_: float) -> Floats:
    """An empty room."""
    return np.full((SIZE[1], SIZE[0], 3), 110.0)


def clip(path: Path, picture: Callable[[float], Floats] = grey, *, sound: bool = True) -> Path:
    """The clip's file."""
    return write_drawn_clip(path, SECONDS, FPS, SIZE, BPM if sound else None, picture)


def move(path: Path) -> MoveSummary:
    """The clip as the library has it: ten beats, one whole eight."""
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
