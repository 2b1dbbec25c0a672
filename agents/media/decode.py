"""Decode a file's video and one of its audio streams, each frame with its time since the container's start.

That start is also time 0 of all beats, of those found in a clip's sound and of those found in a song.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agents.media.codecs import refused_sound, sound_is_taken
from agents.media.container import decoded, media_errors, open_container, packets, start_s
from agents.media.decoded_frames import decoded_frames, seconds_of
from agents.media.windows import mean_fps_of
from schemas.faults import Poison
from schemas.limits import MAX_CHANNELS, MAX_PIXELS, SOUND_RATES_HZ

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_OUTPUT_RATES_HZ = (44_100, 48_000)
_MAX_PACKETS_HZ = 1000.0  # of sound; the shortest that are usual last 2.5 ms
_MAX_TINY_PACKETS = 10_000
_MAX_PIXEL_ASPECT = 5.0  # a damaged file can state any
_SEEK_MARGIN_S = 1.0  # streams of MPEG have no index: FFmpeg may go to a packet a little after the keyframe
_MAX_DECODER_THREADS = 4  # each holds pictures


@dataclass(frozen=True)
class OpenVideo:
    """The video stream of an open file.

    `frames`: those that decode, in order of presentation, each with its time in seconds; to be iterated once.
    `pixel_aspect`: width to height of a pixel, 1 where the file does not state it. `duration_us`: the duration that
    the file states, microseconds, or 0.
    """

    frames: Iterator[tuple[float, VideoFrame]]
    pixel_aspect: float
    duration_us: int


@dataclass(frozen=True)
class OpenAudio:
    """An audio stream of an open file.

    `frames`: those that decode, in order, each with its time in seconds where the file states one; to be iterated once.
    `output_rate_hz`: the sample rate to encode it with, its own if players support it. `duration_us`: the duration
    that the file states, microseconds, or 0.
    """

    frames: Iterator[tuple[float | None, AudioFrame]]
    output_rate_hz: int
    duration_us: int


@contextmanager
def open_video(path: Path, from_s: float = 0.0) -> Iterator[OpenVideo]:
    """Open a file's video for display, from the picture that is shown at a time on.

    Raises: as `sniff`; `Poison` (`no_video`).
    """
    with open_container(path) as container, media_errors():
        stream = _picture_to_show(container, path)
        go_to(container, from_s)
        frames = shown_from(from_s, timed_pictures(container, stream)) if from_s else timed_pictures(container, stream)
        yield OpenVideo(frames, pixel_aspect(stream), container.duration or 0)


def go_to(container: InputContainer, time_s: float) -> None:
    """Go to a keyframe before a time, seconds from the container's start, if the container has an index."""
    if time_s > _SEEK_MARGIN_S:
        container.seek(round((time_s - _SEEK_MARGIN_S + start_s(container)) * 1_000_000))


def shown_from(from_s: float, timed: Iterable[tuple[float, VideoFrame]]) -> Iterator[tuple[float, VideoFrame]]:
    """Yield the frames from the one that is shown at a time on; it begins at that time at the earliest."""
    before: VideoFrame | None = None
    for time_s, frame in timed:
        if time_s < from_s:
            before = frame
            continue
        if before is not None and time_s > from_s:
            yield from_s, before
        before = None
        yield time_s, frame


@contextmanager
def open_audio(path: Path, track: int = 0, from_s: float = 0.0) -> Iterator[OpenAudio]:
    """Open one of a file's audio streams, from 0, at about a time.

    Raises: as `sniff`; `Poison` (`no_audio`, `unsupported_codec`).
    """
    with open_container(path) as container, media_errors():
        stream = _sound_to_decode(container, track)
        if from_s:
            container.seek(round((from_s + start_s(container)) * 1_000_000))
        rate_hz = stream.rate if stream.rate in _OUTPUT_RATES_HZ else 48_000
        yield OpenAudio(_timed_sounds(container, stream), rate_hz, container.duration or 0)


def _sound_to_decode(container: InputContainer, track: int) -> AudioStream:
    """Return an audio stream whose codec is taken. Raises: `Poison` (`no_audio`, `unsupported_codec`)."""
    streams = container.streams.audio[track : track + 1]
    if not streams:
        raise Poison("no audio in it can be decoded; give a file with music", "no_audio")
    if not sound_is_taken(streams[0].codec_context):
        raise refused_sound(streams[0].codec_context)
    return streams[0]


def moving_picture(container: InputContainer) -> VideoStream | None:
    """Return the video stream with the largest picture, the first of several; not cover art, and no preview."""
    from av.stream import Disposition

    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    return max(streams, key=_pixels_of, default=None)


def _pixels_of(stream: VideoStream) -> int:
    """Return the size of a stream's pictures, 0 where there is one picture only or no decoder."""
    context = stream.codec_context
    return 0 if context is None or stream.frames == 1 else context.width * context.height


def pixel_aspect(stream: VideoStream) -> float:
    """Return the width to height of a pixel that the container or the stream states; 1 where neither does."""
    aspect = float(stream.sample_aspect_ratio or 1)  # unset: None in PyAV 18, 0/1 in 19
    return aspect if 1 / _MAX_PIXEL_ASPECT <= aspect <= _MAX_PIXEL_ASPECT else 1.0


def decode_to_measure(stream: VideoStream) -> None:
    """Decode on one thread, without the deblocking filter: the picture is measured, not displayed."""
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS), "skip_loop_filter": "all"}
    stream.codec_context.thread_count = 1


def timed_pictures(
    container: InputContainer, stream: VideoStream, intact: Callable[[float], None] = lambda _: None
) -> Iterator[tuple[float, VideoFrame]]:
    """Yield the frames that decode, in order of presentation, with their times in seconds; others are skipped.

    Interlaced ones are deinterlaced. `intact` takes the times of those that are whole, as far as a decoder on one
    thread tells: after damage, or without its first keyframe, a stream goes on with wrong pictures until a keyframe.
    """
    from agents.media.deinterlace import deinterlaced

    start = start_s(container)
    for frame in deinterlaced(decoded_frames(container, stream, lambda time_s: intact(time_s - start))):
        if frame.time is not None:
            yield frame.time - start, frame


def mean_fps(path: Path) -> float:
    """Return the frames per second outside holes, of the packets because a file may state any rate; 0 for one frame."""
    with open_container(path) as container, media_errors():
        stream = _picture_to_show(container, path)
        times = [seconds_of(packet) for packet in packets(container, stream) if packet.size]
    return mean_fps_of([time_s for time_s in times if not math.isnan(time_s)])


def _picture_to_show(container: InputContainer, path: Path) -> VideoStream:
    """Return the moving picture; pictures larger than 4096x2304 do not decode."""
    stream = moving_picture(container)
    if stream is None:
        raise Poison(f"{path.name} has no video", reason="no_video")
    # The container's limit is not applied to the decoder of its stream.
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = min(_MAX_DECODER_THREADS, os.cpu_count() or 1)
    return stream


def sound_frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Yield the frames that decode and are accepted, in order; others are skipped.

    Raises: `Poison` (`not_media`) for a file of more than a thousand packets a second: a small one can have millions.
    """
    from agents.media.channels import readable

    yield from readable(_accepted_sounds(container, stream))


def _accepted_sounds(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    seconds = 0.0
    for number, packet in enumerate(packets(container, stream)):
        if number > _MAX_TINY_PACKETS + _MAX_PACKETS_HZ * seconds:
            raise Poison("its audio is cut into too many pieces; export it again", reason="not_media")
        for frame in decoded(packet):
            if _is_accepted(frame):
                seconds += frame.samples / frame.sample_rate
                yield frame


def _is_accepted(frame: AudioFrame) -> bool:
    return frame.samples > 0 and frame.sample_rate in SOUND_RATES_HZ and frame.layout.nb_channels <= MAX_CHANNELS


def _timed_sounds(container: InputContainer, stream: AudioStream) -> Iterator[tuple[float | None, AudioFrame]]:
    for frame in sound_frames(container, stream):
        yield None if frame.time is None else frame.time - start_s(container), frame
