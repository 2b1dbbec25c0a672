"""Packets of mezzanines and of a song's AAC, copied with timestamps of the video."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.stream import VideoStream

from agents.media.cached import AnyStream, CachedMp4, cache_damaged
from agents.media.mezzanine import Mezzanine
from agents.media.mp4 import AAC_FRAME
from agents.rendering.timeline import MIN_SHOWN_TICKS, PlacedSegment
from infra.base.atomic_file import remove_files

# AAC's windows overlap, so a packet needs the one before it; some decoders fade in and lose the first click of a song
# without one more. The edit list hides both.
_PREROLL_PACKETS = 2


def segment_packets(part: PlacedSegment, clip: Mezzanine, reader: CachedMp4) -> Iterator[Packet[VideoStream]]:
    """Yield the packets of one segment: the first starts at the cut, each lasts until the next, the last until the end.

    Raises: `Retryable` where the mezzanine is damaged.
    """
    previous: Packet[VideoStream] | None = None
    for ticks, packet in _timed_packets(part, clip, reader):
        if previous is not None:
            yield _with_duration(previous, ticks)
        packet.pts = packet.dts = ticks
        previous = packet
    if previous is not None:
        yield _with_duration(previous, part.end)


def song_packets(reader: CachedMp4, start_s: float, length_s: float) -> Iterator[Packet[AudioStream]]:
    """Yield the song's packets from `start_s` for `length_s`, shifted so that `start_s` is 0, and the preroll before.

    Raises: `Retryable` where the file is damaged.
    """
    stream = reader.audio
    time_base = stream.time_base or Fraction(1, stream.rate)
    shift, end = round(start_s / time_base), round(length_s / time_base)
    first = shift - (_PREROLL_PACKETS + 1) * AAC_FRAME
    # The encoder's first packet is before 0, where no seek is possible.
    seek_to = first - AAC_FRAME if first > AAC_FRAME else None
    for packet in reader.packets(stream, seek_to):
        if packet.pts is None or packet.pts <= first:
            continue
        packet.pts = packet.dts = packet.pts - shift
        if packet.pts >= end:
            return
        yield _with_duration(packet, min(end, packet.pts + AAC_FRAME))


def _timed_packets(
    part: PlacedSegment, clip: Mezzanine, reader: CachedMp4
) -> Iterator[tuple[int, Packet[VideoStream]]]:
    keyframe, last = clip.keyframe_at(part.segment.clip_start_s), part.start - 1
    for packet, pts in _from_keyframe(reader, keyframe):
        # Frames that would have the same time are moved apart, not dropped: later frames refer to them.
        ticks = part.start if last < part.start else max(part.song_time(pts), last + 1)
        if ticks > part.end - MIN_SHOWN_TICKS:
            return
        yield ticks, packet
        last = ticks


def _from_keyframe(reader: CachedMp4, keyframe: int) -> Iterator[tuple[Packet[VideoStream], int]]:
    found = False
    for packet in reader.packets(reader.video, keyframe):
        if packet.pts is None or packet.pts < keyframe:
            continue
        if not found and not (packet.is_keyframe and packet.pts == keyframe):
            remove_files(reader.path)
            raise cache_damaged()
        found = True
        yield packet, packet.pts


def _with_duration(packet: Packet[AnyStream], until: int) -> Packet[AnyStream]:
    packet.duration = until - (packet.pts or 0)
    return packet
