"""Decode some frames per second of a clip, small and upright, for measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agents.arrays import Image
from agents.media.container import media_errors, open_container
from agents.media.decode import decode_to_measure, go_to, moving_picture, pixel_aspect, timed_pictures
from agents.media.decoded_frames import is_timed_by_decoding
from agents.media.display import Display, displayed_size, fit_size
from schemas.faults import Poison

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_MAX_PIXELS = 640 * 360  # larger pictures cost more and give the same landmarks: the model gets 256x256 of a dancer
_MIN_SIDE = 16  # in pixels
_FAST_FPS = 45.0


@dataclass(frozen=True)
class Frame:
    """A frame: `time_s` from the container's start; `rgb` (height, width, 3), upright, in the clip's aspect ratio."""

    time_s: float
    rgb: Image


def sample_frames(
    path: Path, rate_hz: float, intact: Callable[[float], None] = lambda _: None, from_s: float = 0.0
) -> Iterator[Frame]:
    """Yield the frames nearest to each of `rate_hz` times per second, from a time on; all frames of a slower clip.

    All have one size, at most as many pixels as 640x360. `intact` as for `timed_pictures`; at a high frame rate, only
    frames to which others refer are decoded. Raises: `Poison`: `no_video`, `not_media`, `empty`.
    """
    with open_container(path) as container, media_errors():
        stream = _stream(container, rate_hz)
        small = _Small(pixel_aspect(stream))
        due_s = from_s
        go_to(container, from_s)
        for clock_s, frame in timed_pictures(container, stream, intact):
            time_s = max(0.0, clock_s)
            if time_s >= due_s - _half_frame_s(stream, rate_hz):
                yield Frame(time_s, small(frame))
                due_s = (round(time_s * rate_hz) + 1) / rate_hz


def _stream(container: InputContainer, rate_hz: float) -> VideoStream:
    stream = moving_picture(container)
    if stream is None:
        raise Poison("it has no video; give a clip of a dance move", reason="no_video")
    decode_to_measure(stream)
    if float(stream.average_rate or 0) > max(_FAST_FPS, 3 * rate_hz) and not is_timed_by_decoding(container):
        stream.codec_context.skip_frame = "NONREF"  # of so many, do not decode those to which no other refers
    return stream


def _half_frame_s(stream: VideoStream, rate_hz: float) -> float:
    return 0.5 / max(float(stream.average_rate or 0), 2 * rate_hz)


class _Small:
    """Converts frames to arrays, all of the size of the first one: positions are in its pixels."""

    def __init__(self, aspect: float) -> None:
        self._aspect = aspect
        self._display: Display | None = None

    def __call__(self, frame: VideoFrame) -> Image:
        if self._display is None:
            size = _small_size(*displayed_size(frame, self._aspect))
            self._display = Display(size, self._aspect, "rgb24", "bilinear")
        return np.ascontiguousarray(self._display(frame).to_ndarray(), np.uint8)


def _small_size(width: float, height: float) -> tuple[int, int]:
    scale = min(1.0, (_MAX_PIXELS / (width * height)) ** 0.5)
    box_width, box_height = (max(_MIN_SIDE, 2 * round(side * scale / 2)) for side in (width, height))
    fitted = fit_size(width, height, (box_width, box_height))
    return max(_MIN_SIDE, fitted[0]), max(_MIN_SIDE, fitted[1])
