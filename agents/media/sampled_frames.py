"""Decode some frames per second of a clip, small and upright, for measurements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agents.arrays import Image
from agents.media.container import media_errors, open_container
from agents.media.decode import decode_to_measure, moving_picture, timed_pictures
from schemas.faults import Poison

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_MAX_PIXELS = 640 * 360  # larger pictures cost more and give the same landmarks: the model gets 256x256 of a dancer
_FAST_FPS = 45.0


@dataclass(frozen=True)
class Frame:
    """A frame: `time_s` from the container's start; `rgb` (height, width, 3), upright, in the clip's aspect ratio."""

    time_s: float
    rgb: Image


def sample_frames(path: Path, rate_hz: float) -> Iterator[Frame]:
    """Yield the frames nearest to each of `rate_hz` times per second; all frames of a slower clip.

    All have one size, at most as many pixels as 640x360. Raises: `Poison`: `no_video`, `not_media`, `empty`.
    """
    with open_container(path) as container, media_errors():
        stream = _stream(container, rate_hz)
        pixel_aspect = float(stream.codec_context.sample_aspect_ratio or 1)
        due_s, size = 0.0, None
        for clock_s, frame in timed_pictures(container, stream):
            time_s = max(0.0, clock_s)
            if time_s >= due_s - _half_frame_s(stream, rate_hz):
                rgb = _small(frame, pixel_aspect)
                size = size or (rgb.shape[1], rgb.shape[0])
                yield Frame(time_s, rgb if rgb.shape[1::-1] == size else _resized(rgb, size))
                due_s = (round(time_s * rate_hz) + 1) / rate_hz


def _stream(container: InputContainer, rate_hz: float) -> VideoStream:
    stream = moving_picture(container)
    if stream is None:
        raise Poison("it has no video; give a clip of a dance move", reason="no_video")
    decode_to_measure(stream)
    if float(stream.average_rate or 0) > max(_FAST_FPS, 3 * rate_hz):
        stream.codec_context.skip_frame = "NONREF"  # of so many, do not decode those to which no other refers
    return stream


def _half_frame_s(stream: VideoStream, rate_hz: float) -> float:
    return 0.5 / max(float(stream.average_rate or 0), 2 * rate_hz)


def _resized(rgb: Image, size: tuple[int, int]) -> Image:
    """Return the picture in the size of the clip's first one: positions are in its pixels."""
    import cv2

    return cv2.resize(rgb, size).astype(np.uint8, copy=False)


def _small(frame: VideoFrame, pixel_aspect: float) -> Image:
    sides = (frame.width * pixel_aspect, float(frame.height))
    scale = min(1.0, (_MAX_PIXELS / (sides[0] * sides[1])) ** 0.5)
    width, height = (max(16, 2 * round(side * scale / 2)) for side in sides)
    rgb: npt.NDArray[Any] = frame.reformat(width, height, format="rgb24").to_ndarray()
    return np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90)))
