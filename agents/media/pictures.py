"""Decode a clip's pictures upright, in its own shape, at most 1280x720 or 720x1280, to be drawn upon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace

from agents.arrays import Image
from agents.media.decode import open_video
from agents.media.keyframe_encoder import mark_beats
from agents.media.letterbox import Letterbox, fitted
from agents.media.mp4 import TICKS
from agents.media.render_quality import Profile
from schemas.faults import Poison

_LONG, _SHORT = 1280, 720


@dataclass(frozen=True)
class Picture:
    """`time_s` from the container's start; `rgb` (height, width, 3), to be drawn upon."""

    time_s: float
    rgb: Image

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, both even."""
        return self.rgb.shape[1], self.rgb.shape[0]


def pictures(path: Path) -> Iterator[Picture]:
    """Yield all pictures of a clip, all of one size. Raises `Poison`: what opening raises, `no_video`."""
    with open_video(path) as video:
        upright = _Upright(video.pixel_aspect)
        for time_s, frame in video.frames:
            yield Picture(max(0.0, time_s), upright(frame))


def pictures_at(path: Path, times_s: Sequence[float]) -> list[Picture]:
    """Return, for each of the increasing moments, the picture nearest to it. Raises as `pictures` does."""
    found: list[Picture] = []
    with open_video(path) as video:
        upright = _Upright(video.pixel_aspect)
        for time_s, frame, wanted in _marked(video.frames, times_s):
            found += [Picture(time_s, upright(frame)) for _ in range(wanted)]
            if len(found) == len(times_s):
                return found
    raise no_picture(path)


def no_picture(path: Path) -> Poison:
    """Return the fault of a clip in which nothing decodes as a picture."""
    return Poison(f"{path.name[:12]}: no frame of its video decodes", reason="no_video")


def _marked(
    timed: Iterator[tuple[float, VideoFrame]], times_s: Sequence[float]
) -> Iterator[tuple[float, VideoFrame, int]]:
    """The frames that are the nearest to some moment, and to how many."""
    in_ticks = ((round(max(0.0, time_s) * TICKS), frame) for time_s, frame in timed)
    for moment in mark_beats(in_ticks, times_s):
        if moment.beats:
            yield moment.ticks / TICKS, moment.frame, moment.beats


class _Upright:
    """Frames as arrays, all of the size that the first one asks for."""

    def __init__(self, pixel_aspect: Fraction | None) -> None:
        self._pixel_aspect = pixel_aspect
        self._fit: Letterbox | None = None

    def __call__(self, frame: VideoFrame) -> Image:
        if self._fit is None:
            size = _size(frame, float(self._pixel_aspect or 1))
            self._fit = Letterbox(Profile("fast", *size, 0, 0, ""), self._pixel_aspect)
        shown = self._fit(frame).reformat(format="rgb24", src_colorspace=Colorspace.ITU709)
        return np.ascontiguousarray(shown.to_ndarray(), np.uint8)


def _size(frame: VideoFrame, pixel_aspect: float) -> tuple[int, int]:
    """Of a wide clip at most 1280x720, of an upright one 720x1280; never more than it has."""
    width, height = frame.width * pixel_aspect, float(frame.height)
    if round(frame.rotation / 90) % 2:
        width, height = height, width
    most = (_LONG, _SHORT) if width >= height else (_SHORT, _LONG)
    shrunk = min(1.0, most[0] / width, most[1] / height)
    wide, high = (max(2, 2 * round(side * shrunk / 2)) for side in (width, height))
    return fitted(width, height, (wide, high))
