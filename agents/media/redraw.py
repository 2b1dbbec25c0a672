"""Encode a clip again with a drawing on each of its pictures, and with its sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from heapq import merge
from itertools import chain
from pathlib import Path

from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from agents.media.aac import add_aac
from agents.media.decode import mean_fps, open_audio
from agents.media.mp4 import TICKS, TIME_BASE, add_h264, create_video_file
from agents.media.pictures import Picture, no_picture, pictures
from schemas.faults import Poison

_X264 = {"preset": "veryfast", "crf": "20", "bf": "0", "threads": "2"}
_AUDIO_BITRATE = 160_000
_REASONS_WITHOUT_SOUND = frozenset({"no_audio", "unsupported_codec"})
_DEFAULT_FPS, _MAX_FPS = 30.0, 240.0

_Timed = tuple[float, Sequence["Packet[VideoStream] | Packet[AudioStream]"]]


def redraw(
    path: Path, target: Path, draw: Callable[[Picture], None], report: Callable[[float], None], track: int = 0
) -> None:
    """Write the clip at `path` to the mp4 `target`: each picture at its time, upright, at most 1280x720; a track.

    `draw` changes a picture before it is encoded; `report` takes the time written so far, seconds. Raises: as
    `open_video` and `open_audio`.
    """
    frames = pictures(path)
    first = next(frames, None)
    if first is None:
        raise no_picture(path)
    with ExitStack() as open_files:
        writer = open_files.enter_context(create_video_file(target))
        encoder = add_h264(writer, first.size, _rate(mean_fps(path)), _X264)
        sound = _sound(path, track, writer, open_files)
        drawn = _drawn(chain([first], frames), encoder, draw)
        for time_s, packets in merge(drawn, sound, key=lambda timed: timed[0]):
            writer.mux(list(packets))
            report(time_s)


def _rate(fps: float) -> Fraction:
    return Fraction(min(fps, _MAX_FPS) or _DEFAULT_FPS).limit_denominator(1001)


def _drawn(frames: Iterator[Picture], encoder: VideoStream, draw: Callable[[Picture], None]) -> Iterator[_Timed]:
    last = -1
    for picture in frames:
        ticks = round(picture.time_s * TICKS)
        if ticks > last:
            draw(picture)
            yield picture.time_s, encoder.encode(_frame(picture, ticks))
            last = ticks
    yield last / TICKS, encoder.encode(None)


def _frame(picture: Picture, ticks: int) -> VideoFrame:
    frame = VideoFrame.from_ndarray(picture.rgb, format="rgb24").reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
    )
    frame.pts, frame.time_base = ticks, TIME_BASE
    return frame


def _sound(path: Path, track: int, writer: OutputContainer, open_files: ExitStack) -> Iterator[_Timed]:
    """Add an audio stream to `writer` and return the clip's sound from its time 0; no stream where it has none."""
    try:
        audio = open_files.enter_context(open_audio(path, track))
    except Poison as fault:
        if fault.reason not in _REASONS_WITHOUT_SOUND:
            raise
        return iter(())
    return ((start_s, packets) for start_s, _, packets in add_aac(writer, audio, _AUDIO_BITRATE))
