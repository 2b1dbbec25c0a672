"""A clip's file goes in; ten of its frames a second come out, or as many as asked for, small and upright."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agents.arrays import Image
from agents.media.container import decoded, open_container, packets, start_s
from schemas.faults import Poison
from schemas.limits import MAX_PIXELS

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

RATE_HZ = 10.0  # of motion, once measured; a clip may be looked at more often
_PIXELS = 640 * 360  # larger pictures cost more and give the same landmarks: the model sees 256x256 of a dancer
_FAST_FPS = 45.0


@dataclass(frozen=True)
class Frame:
    """`time_s` from the container's start; `rgb` (height, width, 3), upright, in the clip's own shape."""

    time_s: float
    rgb: Image


def sampled(path: Path, rate_hz: float = RATE_HZ) -> Iterator[Frame]:
    """The frames nearest to each of `rate_hz` moments a second, all of a slower clip's.

    Raises `Poison`: `no_video`, `not_media`, `empty`.
    """
    with open_container(path) as container:
        stream = _video(container, rate_hz)
        pixel_aspect = float(stream.codec_context.sample_aspect_ratio or 1)
        due_s, size = 0.0, None
        for frame in _frames(container, stream):
            time_s = max(0.0, float(frame.time) - start_s(container))
            if time_s >= due_s - _half_frame_s(stream, rate_hz):
                rgb = _small(frame, pixel_aspect)
                size = size or (rgb.shape[1], rgb.shape[0])
                yield Frame(time_s, rgb if rgb.shape[1::-1] == size else _resized(rgb, size))
                due_s = (round(time_s * rate_hz) + 1) / rate_hz


def _resized(rgb: Image, size: tuple[int, int]) -> Image:
    """In the size of the clip's first picture: places in pictures are told in its pixels."""
    import cv2

    return cv2.resize(rgb, size).astype(np.uint8, copy=False)


def _video(container: InputContainer, rate_hz: float) -> VideoStream:
    import av

    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return _frugal(stream, rate_hz)
    raise Poison("it has no video; give a clip of a dance move", reason="no_video")


def _frugal(stream: VideoStream, rate_hz: float) -> VideoStream:
    # The picture is measured, not shown: the filter that smooths it is not paid for, nor, where there are
    # many frames a second, are those that no other frame is built on.
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS), "skip_loop_filter": "all"}
    stream.codec_context.thread_count = 1
    if float(stream.average_rate or 0) > max(_FAST_FPS, 3 * rate_hz):
        stream.codec_context.skip_frame = "NONREF"
    return stream


def _half_frame_s(stream: VideoStream, rate_hz: float) -> float:
    return 0.5 / max(float(stream.average_rate or 0), 2 * rate_hz)


def _frames(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    for packet in packets(container, stream):
        yield from (frame for frame in decoded(packet) if frame.time is not None)


def _small(frame: VideoFrame, pixel_aspect: float) -> Image:
    shown = (frame.width * pixel_aspect, float(frame.height))
    scale = min(1.0, (_PIXELS / (shown[0] * shown[1])) ** 0.5)
    width, height = (max(16, 2 * round(side * scale / 2)) for side in shown)
    rgb: npt.NDArray[Any] = frame.reformat(width, height, format="rgb24").to_ndarray()
    return np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90)))
