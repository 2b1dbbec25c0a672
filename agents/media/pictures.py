"""Decode a clip's pictures for drawing: upright, in its own aspect ratio, at most 1280x720 or 720x1280."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace

from agents.arrays import Image
from agents.media.decode import open_video
from agents.media.display import Display, displayed_size, fit_size
from agents.media.keyframe_encoder import mark_beats
from agents.media.mp4 import TICKS
from schemas.faults import Poison

_LONG, _SHORT = 1280, 720  # largest sides in pixels


@dataclass(frozen=True)
class Picture:
    """A picture of a clip: `time_s` from the container's start; `rgb` (height, width, 3), writable."""

    time_s: float
    rgb: Image

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height in pixels, both even."""
        return self.rgb.shape[1], self.rgb.shape[0]


def pictures(path: Path) -> Iterator[Picture]:
    """Yield all pictures of a clip, all of one size. Raises: as `open_video`."""
    with open_video(path) as video:
        upright = _Upright(video.pixel_aspect)
        for time_s, frame in video.frames:
            yield Picture(max(0.0, time_s), upright(frame))


def pictures_at(path: Path, times_s: Sequence[float]) -> list[Picture]:
    """Return the nearest picture for each of the increasing times. Raises: as `open_video`; `Poison` (`no_video`)."""
    return list(each_picture_at(path, times_s))


def each_picture_at(path: Path, times_s: Sequence[float]) -> Iterator[Picture]:
    """Yield the nearest picture for each of the increasing times. Raises: as `pictures_at`."""
    remaining = len(times_s)
    with open_video(path) as video:
        upright = _Upright(video.pixel_aspect)
        for time_s, frame, count in _nearest_frames(video.frames, times_s):
            for _ in range(count):
                yield Picture(time_s, upright(frame))
            remaining -= count
            if not remaining:
                return
    raise no_picture(path)


def no_picture(path: Path) -> Poison:
    """Return the fault of a clip in which no frame decodes."""
    return Poison(f"{path.name[:12]}: no frame of its video decodes", reason="no_video")


def _nearest_frames(
    timed: Iterator[tuple[float, VideoFrame]], times_s: Sequence[float]
) -> Iterator[tuple[float, VideoFrame, int]]:
    """Yield the frames that are the nearest to at least one of the times, and to how many."""
    in_ticks = ((round(max(0.0, time_s) * TICKS), frame) for time_s, frame in timed)
    for nearest in mark_beats(in_ticks, times_s):
        if nearest.beats:
            yield nearest.ticks / TICKS, nearest.frame, nearest.beats


class _Upright:
    """Converts frames to arrays, all of the size of the first one."""

    def __init__(self, pixel_aspect: float) -> None:
        self._pixel_aspect = pixel_aspect
        self._display: Display | None = None

    def __call__(self, frame: VideoFrame) -> Image:
        if self._display is None:
            self._display = Display(_size(*displayed_size(frame, self._pixel_aspect)), self._pixel_aspect)
        rgb = self._display(frame).reformat(format="rgb24", src_colorspace=Colorspace.ITU709)
        return np.ascontiguousarray(rgb.to_ndarray(), np.uint8)


def _size(width: float, height: float) -> tuple[int, int]:
    """Return at most 1280x720 for a wide frame, 720x1280 for an upright one; never larger than the frame."""
    limit = (_LONG, _SHORT) if width >= height else (_SHORT, _LONG)
    scale = min(1.0, limit[0] / width, limit[1] / height)
    box_width, box_height = (max(2, 2 * round(side * scale / 2)) for side in (width, height))
    return fit_size(width, height, (box_width, box_height))
