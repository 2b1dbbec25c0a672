"""Write a media file from pictures and sounds, in any container and with any codec."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from tests.odd_media.marked import FPS, SOUND_HZ, Samples

Picture = NDArray[Any] | av.VideoFrame  # an array is RGB: (height, width, 3)
Timed = tuple[float, Picture]  # with its time in seconds
_X264: Mapping[str, str] = {"preset": "veryfast", "crf": "18"}


@dataclass(frozen=True)
class Video:
    """How pictures are encoded: `aspect` is the width of a pixel over its height; `full`: full range of the values."""

    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    rate: Fraction = Fraction(FPS)
    options: Mapping[str, str] = field(default_factory=lambda: _X264)
    aspect: Fraction = Fraction(1)
    bit_rate: int = 0
    full: bool = False
    rotation: int = 0  # degrees, as a display matrix


@dataclass(frozen=True)
class Sound:
    """A sound track: samples at 44100 Hz from `start_s` on, and how they are encoded."""

    samples: Samples
    codec: str = "aac"
    rate: int = SOUND_HZ
    layout: str = "stereo"
    start_s: float = 0.0
    is_default: bool | None = None
    bit_rate: int = 0
    options: Mapping[str, str] = field(default_factory=dict)


def write(
    path: Path,
    pictures: Iterable[Timed] = (),
    sounds: Iterable[Sound] = (),
    *,
    video: Video | None = None,
    container: str | None = None,
    options: Mapping[str, str] | None = None,
) -> Path:
    """Write pictures and sounds to a file; `container`: FFmpeg's name, by default that of the file's extension."""
    timed, video = iter(pictures), video or Video()
    first = next(timed, None)
    with av.open(str(path), "w", format=container, options=dict(options or {})) as writer:
        picture_stream = _picture_stream(writer, first[1], video) if first else None
        tracks = [(sound, _sound_stream(writer, sound)) for sound in sounds]
        if first:
            writer.mux(list(_encoded(picture_stream, chain([first], timed), video)))
        for sound, stream in tracks:
            for frame in [*_frames(sound, stream), None]:
                writer.mux(stream.encode(frame))
    return path


def _picture_stream(writer: Any, first: Picture, video: Video) -> Any:
    stream = writer.add_stream(video.codec, rate=video.rate, options=dict(video.options))
    height, width = first.shape[:2] if isinstance(first, np.ndarray) else (first.height, first.width)
    stream.width, stream.height, stream.pix_fmt = width, height, video.pixel_format
    stream.codec_context.time_base = 1 / video.rate
    stream.codec_context.sample_aspect_ratio = video.aspect
    if video.full:
        stream.codec_context.color_range = ColorRange.JPEG
    if video.bit_rate:
        stream.bit_rate = video.bit_rate
    if video.rotation:
        stream.set_display_rotation(video.rotation)
    return stream


def _encoded(stream: Any, pictures: Iterable[Timed], video: Video) -> Iterator[Any]:
    for time_s, picture in pictures:
        frame = picture if isinstance(picture, av.VideoFrame) else _frame(picture, video)
        frame.pts, frame.time_base = round(time_s * video.rate), 1 / video.rate
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _frame(rgb: NDArray[Any], video: Video) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    target = ColorRange.JPEG if video.full else ColorRange.MPEG
    return frame.reformat(format=video.pixel_format, dst_colorspace=Colorspace.ITU601, dst_color_range=target)


def _sound_stream(writer: Any, sound: Sound) -> Any:
    stream = writer.add_stream(sound.codec, rate=sound.rate, layout=sound.layout, options=dict(sound.options))
    if sound.bit_rate:
        stream.bit_rate = sound.bit_rate
    if sound.is_default is not None:
        stream.disposition = Disposition.default if sound.is_default else Disposition(0)
    return stream


def _frames(sound: Sound, stream: Any) -> Iterator[av.AudioFrame]:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.samples), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts = SOUND_HZ, round(sound.start_s * SOUND_HZ)
    frame.time_base = Fraction(1, SOUND_HZ)
    size = stream.codec_context.frame_size or 4096
    resampler = av.AudioResampler(format=stream.format, layout=sound.layout, rate=sound.rate, frame_size=size)
    yield from resampler.resample(frame)
    yield from resampler.resample(None)
