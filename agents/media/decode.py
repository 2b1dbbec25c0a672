"""Decode a file's first moving picture and its first sound, each frame with its time since the container's start.

That moment is time 0 of all beats too: of those found in a clip's sound and of those found in a song.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agents.media.container import decoded, open_container, packets, start_s
from schemas.faults import Poison
from schemas.limits import MAX_PIXELS

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_OUTPUT_RATES_HZ = (44_100, 48_000)


@dataclass(frozen=True)
class OpenVideo:
    """The first moving picture of a file that is open.

    `frames`: those that decode, in order of presentation, each with its time in seconds; to be read once.
    `pixel_aspect`: width to height of a pixel, 1 where the file does not state it. `duration_us`: the file's length as
    it states it, microseconds, or 0.
    """

    frames: Iterator[tuple[float, VideoFrame]]
    pixel_aspect: float
    duration_us: int


@dataclass(frozen=True)
class OpenAudio:
    """The first sound of a file that is open.

    `frames`: those that decode, in order, each with its time in seconds where the file states one; to be read once.
    `output_rate_hz`: the sample rate to write it with, its own where players take it. `duration_us`: the file's
    length as it states it, microseconds, or 0.
    """

    frames: Iterator[tuple[float | None, AudioFrame]]
    output_rate_hz: int
    duration_us: int


@contextmanager
def open_video(path: Path) -> Iterator[OpenVideo]:
    """Open a file for its moving picture, to be shown. Raises `Poison`: what `sniff` raises, `no_video`."""
    with open_container(path) as container:
        stream = _picture_to_show(container, path)
        aspect = float(stream.codec_context.sample_aspect_ratio or 1)  # unset: None in PyAV 18, 0/1 in 19
        yield OpenVideo(timed_pictures(container, stream), aspect, container.duration or 0)


@contextmanager
def open_audio(path: Path) -> Iterator[OpenAudio]:
    """Open a file for its sound. Raises `Poison`: what `sniff` raises, `no_audio`."""
    with open_container(path) as container:
        if not any(stream.codec_context for stream in container.streams.audio[:1]):
            raise Poison("no audio in it can be decoded; give a file with music", "no_audio")
        stream = container.streams.audio[0]
        rate_hz = stream.rate if stream.rate in _OUTPUT_RATES_HZ else 48_000
        yield OpenAudio(_timed_sounds(container, stream), rate_hz, container.duration or 0)


def moving_picture(container: InputContainer) -> VideoStream | None:
    """Return the first video stream that is no cover art."""
    from av.stream import Disposition

    streams = container.streams.video
    return next((stream for stream in streams if not stream.disposition & Disposition.attached_pic), None)


def decode_to_measure(stream: VideoStream) -> None:
    """Decode on one thread, without the filter that smooths the picture: it is measured, not shown."""
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS), "skip_loop_filter": "all"}
    stream.codec_context.thread_count = 1


def timed_pictures(container: InputContainer, stream: VideoStream) -> Iterator[tuple[float, VideoFrame]]:
    """Yield what decodes, in order of presentation, with its time in seconds; what does not is passed over."""
    for packet in packets(container, stream):
        for frame in decoded(packet):
            if frame.time is not None:
                yield frame.time - start_s(container), frame


def mean_fps(path: Path) -> float:
    """Return the frames a second, counted over the packets since a file may state any rate; 0 for a single frame."""
    with open_container(path) as container:
        stream = _picture_to_show(container, path)
        pts = [packet.pts for packet in packets(container, stream) if packet.pts is not None]
        length = (max(pts) - min(pts)) * (stream.time_base or 0) if pts else 0
    return float((len(pts) - 1) / length) if length else 0.0


def _picture_to_show(container: InputContainer, path: Path) -> VideoStream:
    """Return the first moving picture; what is larger than 4096x2304 does not decode."""
    stream = moving_picture(container)
    if stream is None:
        raise Poison(f"{path.name} has no video", reason="no_video")
    # The container's own limit does not reach the decoder of its stream.
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    stream.thread_type = "AUTO"
    return stream


def _timed_sounds(container: InputContainer, stream: AudioStream) -> Iterator[tuple[float | None, AudioFrame]]:
    for packet in packets(container, stream):
        for frame in decoded(packet):
            yield None if frame.time is None else frame.time - start_s(container), frame
