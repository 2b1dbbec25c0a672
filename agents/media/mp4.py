"""Write mp4 files: the same input gives the same file; the time base of video is 1/90000 s."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from av.container import OutputContainer
from av.video.stream import VideoStream

from agents.media.container import create_mp4

TICKS = 90_000  # per second
TIME_BASE = Fraction(1, TICKS)
AAC_FRAME = 1024  # samples in a packet of AAC

_NO_DATES = {"fflags": "+bitexact"}
_VIDEO = {"video_track_timescale": str(TICKS), "movie_timescale": str(TICKS), "movflags": "faststart"} | _NO_DATES
_BT709 = 1


def create_audio_file(path: Path) -> OutputContainer:
    """Open an mp4 for writing audio only."""
    return create_mp4(path, _NO_DATES)


def create_video_file(path: Path) -> OutputContainer:
    """Open an mp4 for writing video, with its index at the front so that players can start immediately."""
    return create_mp4(path, _VIDEO)


def add_h264(writer: OutputContainer, size: tuple[int, int], rate: Fraction, options: Mapping[str, str]) -> VideoStream:
    """Add an H.264 stream of (width, height) pixels in BT.709, with x264's `options`; `rate`: frames per second."""
    stream = writer.add_stream("libx264", rate=rate, options=dict(options))
    stream.width, stream.height = size
    stream.pix_fmt, stream.time_base = "yuv420p", TIME_BASE
    context = stream.codec_context
    context.time_base, context.framerate = TIME_BASE, rate
    context.color_primaries = context.color_trc = context.colorspace = context.color_range = _BT709
    return stream
