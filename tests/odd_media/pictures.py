"""Clips whose pictures are to be turned or mirrored, grey ones, and clips whose size changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.bitstream import BitStreamFilterContext

from tests.odd_media.marked import FPS, SIZE, Rgb, song
from tests.odd_media.writer import Sound, Timed, Video, write

# How a picture is displayed, by a, b, c, d of the display matrix: a pixel at (x, y) goes to (a x + c y, b x + d y).
DISPLAYED: Mapping[tuple[int, int, int, int], Callable[[Rgb], Rgb]] = {
    (1, 0, 0, 1): lambda rgb: rgb,
    (-1, 0, 0, 1): np.fliplr,
    (1, 0, 0, -1): np.flipud,
    (-1, 0, 0, -1): lambda rgb: np.rot90(rgb, 2),
    (0, 1, 1, 0): lambda rgb: rgb.swapaxes(0, 1),
    (0, 1, -1, 0): lambda rgb: np.rot90(rgb, -1),
    (0, -1, 1, 0): np.rot90,
    (0, -1, -1, 0): lambda rgb: np.rot90(rgb.swapaxes(0, 1), 2),
}


def orientation_in_stream(source: Path, target: Path) -> Path:
    """Copy a clip's H.264 picture; its coded stream says that it is to be mirrored, the container does not."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        picture = reader.streams.video[0]
        copy = writer.add_stream_from_template(picture)
        mirrored = BitStreamFilterContext("h264_metadata=display_orientation=insert:flip=horizontal", picture, copy)
        for packet in reader.demux(picture):
            for each in mirrored.filter(packet if packet.dts is not None else None):
                each.stream = copy
                writer.mux(each)
    return target


def after_preview(source: Path, target: Path, still: Rgb) -> Path:
    """Copy a clip with a still picture as its first video stream, without a mark that it is one."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        preview: Any = writer.add_stream("mjpeg", rate=1)
        preview.height, preview.width, preview.pix_fmt = *still.shape[:2], "yuvj420p"
        streams = {stream.index: writer.add_stream_from_template(stream) for stream in reader.streams}
        frame = av.VideoFrame.from_ndarray(still, format="rgb24").reformat(format="yuvj420p")
        writer.mux([*preview.encode(frame), *preview.encode(None)])
        for packet in reader.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                writer.mux(packet)
    return target


def of_two_sizes(target: Path, first: Iterable[Timed], second: Iterable[Timed]) -> Path:
    """Write an MPEG transport stream in which the size of the pictures changes."""
    parts = [write(target.with_suffix(f".{n}.ts"), timed) for n, timed in enumerate((first, second))]
    target.write_bytes(b"".join(part.read_bytes() for part in parts))
    return target


def grey_jpegs(target: Path, pictures: Iterable[tuple[float, Rgb]]) -> Path:
    """Write an AVI of JPEG pictures without colour."""
    jpegs = [cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))[1].tobytes() for _, rgb in pictures]
    with av.open(str(target), "w") as writer:
        stream = writer.add_stream("mjpeg", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuvj420p"
        for number, jpeg in enumerate(jpegs):
            packet = av.Packet(jpeg)
            packet.stream, packet.time_base = stream, Fraction(1, FPS)
            packet.pts = packet.dts = number
            writer.mux(packet)
    return target


def still_video(target: Path, fps: int, *, has_sound: bool = True, seconds: int = 4) -> Path:
    """Write one picture again and again, beside a part of a song: how songs are published on pages for videos."""
    picture = np.full((90, 160, 3), fps, np.uint8)
    pictures = ((number / fps, picture) for number in range(seconds * fps))
    return write(target, pictures, [Sound(song(seconds))] if has_sound else [], video=Video(rate=Fraction(fps)))
