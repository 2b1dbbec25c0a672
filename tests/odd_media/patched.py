"""Change single fields of a finished file: the display matrix, the pixel shape, its first bytes, its length."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import av
from av.bitstream import BitStreamFilterContext

MIRRORED = (-1, 0, 0, 1)
FLIPPED = (1, 0, 0, -1)
TRANSPOSED = (0, 1, 1, 0)
_MATRIX_AT = 44  # bytes from a `tkhd` box's name, version 0


def set_display_matrix(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Set a, b, c, d of the matrix of an mp4's first track: ISO/IEC 14496-12, 8.3.2."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + _MATRIX_AT
    a, b, c, d = (value << 16 for value in matrix)
    content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


def aspect_in_container_only(source: Path, target: Path) -> Path:
    """Copy an H.264 clip; the pixel shape that its container states is taken out of the coded pictures."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        streams = {stream.index: writer.add_stream_from_template(stream) for stream in reader.streams}
        picture = reader.streams.video[0]
        square = BitStreamFilterContext("h264_metadata=sample_aspect_ratio=1/1", picture, streams[picture.index])
        for packet in reader.demux():
            if packet.dts is None:
                continue
            filtered = square.filter(packet) if packet.stream.type == "video" else [packet]
            for each in filtered:
                each.stream = streams[packet.stream.index]
                writer.mux(each)
    return target


def cut_short(path: Path, share: float) -> Path:
    """Leave the first part of a file only."""
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * share)])
    return path


def without_packets(source: Path, target: Path, is_left_out: Callable[[float, bool], bool]) -> Path:
    """Copy a clip without some packets of its picture: `is_left_out` takes their time in seconds and `is_keyframe`."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        streams = {stream.index: writer.add_stream_from_template(stream) for stream in reader.streams}
        for packet in reader.demux():
            if packet.dts is None or packet.pts is None:
                continue
            if packet.stream.type == "video" and is_left_out(float(packet.pts * packet.time_base), packet.is_keyframe):
                continue
            packet.stream = streams[packet.stream.index]
            writer.mux(packet)
    return target


def moved(source: Path, target: Path, seconds: float) -> Path:
    """Copy an mp4 with its packets at other times; what is before time 0 is cut by its edit list."""
    options = {"use_editlist": "1", "avoid_negative_ts": "disabled"}
    with av.open(str(source)) as reader, av.open(str(target), "w", options=options) as writer:
        streams = {stream.index: writer.add_stream_from_template(stream) for stream in reader.streams}
        for packet in reader.demux():
            if packet.dts is None or packet.pts is None:
                continue
            ticks = round(seconds / packet.time_base)
            packet.pts, packet.dts, packet.stream = packet.pts + ticks, packet.dts + ticks, streams[packet.stream.index]
            writer.mux(packet)
    return target


def one_after_the_other(sources: Sequence[Path], target: Path) -> Path:
    """Copy the packets of files with the same tracks into one, all with their own time stamps."""
    with ExitStack() as files:
        readers = [files.enter_context(av.open(str(source))) for source in sources]
        writer = files.enter_context(av.open(str(target), "w"))
        streams = {stream.index: writer.add_stream_from_template(stream) for stream in readers[0].streams}
        for reader in readers:
            for packet in reader.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    writer.mux(packet)
    return target
