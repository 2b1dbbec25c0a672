"""A move, its clip and what was seen in it go in; the clip with skeletons and counts drawn on it comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from heapq import merge
from itertools import chain
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from agents.media.container import open_container
from agents.media.decode import audio_stream, kept_rate, mean_fps, timed_sounds
from agents.media.keyframe_encoder import MUXER_OPTIONS, TICKS, TIME_BASE
from agents.media.pictures import Picture, no_picture, pictures
from agents.media.resample import stereo
from agents.move_indexing.picture.bodies import Dancer
from agents.move_indexing.picture.overlay import Overlay
from infra.base.atomic_file import replacing
from schemas.faults import Poison
from schemas.move_indexed import MoveCard

_X264 = {"preset": "veryfast", "crf": "20", "bf": "0", "threads": "2"}
_AUDIO_BITRATE = 160_000
_BT709 = 1
_USUAL_FPS, _FASTEST_FPS = 30.0, 240.0

_Timed = tuple[float, Sequence["Packet[VideoStream] | Packet[AudioStream]"]]


def write_video(
    path: Path,
    move: MoveCard,
    dancers: Sequence[Dancer],
    target: Path,
    report: Callable[[float], None] = lambda _: None,
) -> None:
    """Write the clip at `path` as an mp4: each picture at its time, upright, at most 1280x720; its sound kept.

    Raises `Poison` as decoding does. `report` takes the finished fraction.
    """
    shown = pictures(path)
    first = next(shown, None)
    if first is None:
        raise no_picture(path)
    with replacing(target) as temporary, ExitStack() as open_files:
        options = MUXER_OPTIONS | {"movflags": "faststart"}
        writer = open_files.enter_context(av.open(str(temporary), "w", "mp4", options=options))
        encoder = _encoder(writer, first.size, mean_fps(path))
        sound = _sound(open_files.enter_context(open_container(path)), writer)
        drawn = _drawn(chain([first], shown), encoder, Overlay(move, dancers))
        for time_s, packets in merge(drawn, sound, key=lambda timed: timed[0]):
            writer.mux(list(packets))
            report(min(1.0, time_s / max(move.clip.duration_s, 1e-9)))


def _encoder(writer: OutputContainer, size: tuple[int, int], fps: float) -> VideoStream:
    rate = Fraction(min(fps, _FASTEST_FPS) or _USUAL_FPS).limit_denominator(1001)
    stream = writer.add_stream("libx264", rate=rate, options=_X264)
    stream.width, stream.height = size
    stream.pix_fmt, stream.time_base = "yuv420p", TIME_BASE
    context = stream.codec_context
    context.time_base, context.framerate = TIME_BASE, rate
    context.color_primaries = context.color_trc = context.colorspace = context.color_range = _BT709
    return stream


def _drawn(shown: Iterator[Picture], encoder: VideoStream, overlay: Overlay) -> Iterator[_Timed]:
    last = -1
    for picture in shown:
        ticks = round(picture.time_s * TICKS)
        if ticks > last:
            overlay.draw(picture)
            yield picture.time_s, encoder.encode(_frame(picture, ticks))
            last = ticks
    yield last / TICKS, encoder.encode(None)


def _frame(picture: Picture, ticks: int) -> VideoFrame:
    frame = VideoFrame.from_ndarray(picture.rgb, format="rgb24").reformat(
        format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
    )
    frame.pts, frame.time_base = ticks, TIME_BASE
    return frame


def _sound(reader: InputContainer, writer: OutputContainer) -> Iterator[_Timed]:
    """The clip's sound from its time 0 on; nothing where it has none. Its stream is there when this returns."""
    try:
        stream = audio_stream(reader)
    except Poison:
        return iter(())
    rate = kept_rate(stream)
    encoder = writer.add_stream("aac", rate=rate, layout="stereo")
    encoder.bit_rate = _AUDIO_BITRATE
    return _encoded(reader, stream, encoder)


def _encoded(reader: InputContainer, stream: AudioStream, encoder: AudioStream) -> Iterator[_Timed]:
    samples, rate = 0, encoder.rate
    for frame in stereo(timed_sounds(reader, stream), rate):
        frame.pts, frame.time_base = samples, Fraction(1, rate)
        yield samples / rate, encoder.encode(frame)
        samples += frame.samples
    yield samples / rate, encoder.encode(None)
