"""Write packets of several streams into one mp4, ordered by time, without encoding."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from agents.media.mp4 import TIME_BASE, create_video_file

if TYPE_CHECKING:
    from av.container.core import Chapter as AvChapter

AnyStream = VideoStream | AudioStream
Track = tuple[AnyStream, Iterator["Packet[Any]"]]  # the stream whose headers it copies, and its packets


class Chapter(NamedTuple):
    """A part of a video with a title, which players list. Times in ticks of 1/90000 s."""

    start: int
    end: int
    title: str


def write_packets(target: Path, tracks: Sequence[Track], chapters: Sequence[Chapter] = ()) -> None:
    """Write the mp4 `target` with one stream for each track; the times of a track's packets must increase."""
    with create_video_file(target) as writer:
        writer.set_chapters([_numbered(number, chapter) for number, chapter in enumerate(chapters)])
        streams = [_added(writer, template) for template, _ in tracks]
        for _, number, packet in heapq.merge(*(_timed(number, *track) for number, track in enumerate(tracks))):
            packet.stream = streams[number]
            writer.mux_one(packet)


def _numbered(number: int, chapter: Chapter) -> AvChapter:
    title = {"title": chapter.title}
    return {"id": number, "start": chapter.start, "end": chapter.end, "time_base": TIME_BASE, "metadata": title}


def _added(writer: OutputContainer, template: AnyStream) -> AnyStream:
    stream = writer.add_stream_from_template(template)
    stream.time_base = template.time_base
    if isinstance(stream, VideoStream):
        stream.codec_context.sample_aspect_ratio = Fraction(1)  # not in a template that was never decoded
    return stream


def _timed(
    number: int, template: AnyStream, packets: Iterator[Packet[Any]]
) -> Iterator[tuple[float, int, Packet[Any]]]:
    tick = float(template.time_base or 0)
    for packet in packets:
        yield (packet.pts or 0) * tick, number, packet
