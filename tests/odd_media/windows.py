"""Clips whose pictures begin late, end early or have holes, and clips in which dancers are missing for a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import av

from tests.odd_media.marked import SOUND_HZ, Original, Rgb
from tests.odd_media.patched import without_packets
from tests.odd_media.writer import Sound, Timed, Video, write

Change = Callable[[Rgb], Rgb]

_GROUPS_OF_A_SECOND = Video(options={"preset": "veryfast", "crf": "23", "g": "30"})
_PARTNER_FROM_PX, _WALL_PX = 275, 600  # of a picture 640 pixels wide: the follow is right of the first


def with_pictures(path: Path, whole: Original, *spans: tuple[float, float], video: Video | None = None) -> Path:
    """Write all of an original's sound, and its pictures in some spans (start and end in seconds) only."""
    pictures = [timed for start_s, end_s in spans for timed in whole.part(start_s, end_s)]
    return write(path, pictures, [Sound(whole.sound)], video=video)


def with_late_sound(path: Path, whole: Original, seconds: float) -> Path:
    """Write an original whose sound begins late: what would be heard before is missing."""
    return write(path, whole.pictures, [Sound(whole.sound[:, round(seconds * SOUND_HZ) :], start_s=seconds)])


def without_first_keyframe(path: Path, whole: Original) -> Path:
    """Write an original without its first keyframe: nothing can be decoded before the second, at 1 s."""
    complete = with_pictures(path.with_stem("complete"), whole, (0, 99), video=_GROUPS_OF_A_SECOND)
    return without_packets(complete, path, lambda time_s, is_keyframe: is_keyframe and time_s < 0.5)


def damaged(path: Path, whole: Original, start_s: float, end_s: float) -> Path:
    """Write an original with zeros in the place of its pictures' data from one time until before another."""
    complete = with_pictures(path.with_stem("complete"), whole, (0, 99), video=_GROUPS_OF_A_SECOND)
    with av.open(str(complete)) as reader, av.open(str(path), "w") as writer:
        streams = {stream.index: writer.add_stream_from_template(stream) for stream in reader.streams}
        for packet in reader.demux():
            if packet.dts is None or packet.pts is None:
                continue
            is_damaged = packet.stream.type == "video" and start_s <= packet.pts * packet.time_base < end_s
            copy = _zeros(packet) if is_damaged else packet
            copy.stream = streams[packet.stream.index]
            writer.mux(copy)
    return path


def _zeros(packet: av.Packet) -> av.Packet:  # type: ignore[type-arg]
    empty = av.Packet(bytes(packet.size))
    empty.pts, empty.dts, empty.time_base = packet.pts, packet.dts, packet.time_base
    empty.is_keyframe = packet.is_keyframe
    return empty


def changed_until(whole: Original, seconds: float, change: Change) -> list[Timed]:
    """Return an original's pictures, changed before a time."""
    return [(time_s, change(rgb) if time_s < seconds else rgb) for time_s, rgb in whole.pictures]


def write_with_sound(path: Path, whole: Original, pictures: Iterable[Timed]) -> Path:
    """Write pictures with an original's sound."""
    return write(path, pictures, [Sound(whole.sound)])


def empty_room(rgb: Rgb) -> Rgb:
    """Return a picture without dancers: its left edge everywhere."""
    room = rgb.copy()
    room[:] = rgb[:, :1]
    return room


def lead_alone(rgb: Rgb) -> Rgb:
    """Return a picture with the wall in the place of the follow."""
    alone = rgb.copy()
    alone[:, _PARTNER_FROM_PX:] = rgb[:, _WALL_PX : _WALL_PX + 1]
    return alone


def copy_start(source: Path, path: Path, seconds: float) -> Path:
    """Copy the first seconds of a file without encoding them again."""
    with av.open(str(source)) as reader, av.open(str(path), "w") as writer:
        streams = {stream.index: writer.add_stream_from_template(stream) for stream in reader.streams}
        for packet in reader.demux():
            if packet.dts is not None and float(packet.dts * packet.time_base) < seconds:
                packet.stream = streams[packet.stream.index]
                writer.mux(packet)
    return path
