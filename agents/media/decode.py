"""A stored clip or song in, its frames out, each with its time since the container's start.

That moment is time 0 of all beats too: of those found in a clip's sound and of those found in a song.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from agents.media.container import decoded, open_container, packets, start_s
from schemas.faults import Poison
from schemas.limits import MAX_PIXELS

_KEPT_RATES = (44_100, 48_000)


def video_stream(container: InputContainer) -> VideoStream:
    """The first moving picture of a file; cover art does not count, and what is larger than 4096x2304 does not decode.

    Raises `Poison` (`no_video`).
    """
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            # The container's own limit does not reach the decoder of its stream.
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            stream.thread_type = "AUTO"
            return stream
    raise Poison(f"{Path(container.name).name} has no video", reason="no_video")


def audio_stream(container: InputContainer) -> AudioStream:
    """The first sound of a file. Raises `Poison` (`no_audio`)."""
    if not any(stream.codec_context for stream in container.streams.audio[:1]):
        raise Poison("no audio in it can be decoded; give a file with music", "no_audio")
    return container.streams.audio[0]


def kept_rate(stream: AudioStream) -> int:
    """The sample rate that a sound is written with, Hz: its own where players take it."""
    return stream.rate if stream.rate in _KEPT_RATES else 48_000


def timed_pictures(container: InputContainer, stream: VideoStream) -> Iterator[tuple[float, VideoFrame]]:
    """What decodes, in order of presentation, with its time in seconds; what does not is passed over."""
    for packet in packets(container, stream):
        for frame in decoded(packet):
            if frame.time is not None:
                yield frame.time - start_s(container), frame


def timed_sounds(container: InputContainer, stream: AudioStream) -> Iterator[tuple[float | None, AudioFrame]]:
    """What decodes, in order, with its time in seconds where the file says one; what does not is passed over."""
    for packet in packets(container, stream):
        for frame in decoded(packet):
            yield None if frame.time is None else frame.time - start_s(container), frame


def mean_fps(path: Path) -> float:
    """Frames a second, counted over the packets, since the rate a file states may be anything; 0 for a single frame."""
    with open_container(path) as container:
        stream = video_stream(container)
        pts = [packet.pts for packet in packets(container, stream) if packet.pts is not None]
        length = (max(pts) - min(pts)) * (stream.time_base or 0) if pts else 0
    return float((len(pts) - 1) / length) if length else 0.0
