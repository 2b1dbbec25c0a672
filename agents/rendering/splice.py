"""Mezzanines and a song's AAC in, packets on the video's clock out: copied, never decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from agents.media.keyframe_encoder import TICKS
from agents.media.mezzanine import Mezzanine
from agents.media.resample import AAC_FRAME
from agents.rendering.timeline import SHORTEST_SHOWN, Stretch
from infra.base.atomic_file import remove_files
from schemas.faults import Poison, Retryable

# The packet before rebuilds the first samples of the next (AAC's windows overlap); without one more the first
# click of a song was lost in decoders that fade in. The edit list hides both.
_WARM_UP_PACKETS = 2
_MOST_FROZEN_FRAMES = 2
_URL = "file:"
# The index of an mp4 of ours says all; without these the first frame is decoded, 13 ms for each clip.
_OPTIONS = {"protocol_whitelist": "file", "probesize": "32", "analyzeduration": "0"}
_NO_DECODING = [{"skip_frame": "all"}]

AnyStream = TypeVar("AnyStream", VideoStream, AudioStream)


def cache_damaged() -> Retryable:
    """Return the fault of a step whose cached file was damaged; the next try makes the file again."""
    return Retryable("a cached file was damaged and is made again", reason="cache_damaged")


def open_cached(path: Path, stack: ExitStack) -> InputContainer:
    """A demuxer on an mp4 of ours, closed with `stack`. Raises `Retryable` where it is damaged."""
    try:
        reader: InputContainer = av.open(  # type: ignore[call-overload]  # PyAV's hint says list[str]
            f"{_URL}{path.resolve()}", "r", "mp4", _OPTIONS, stream_options=_NO_DECODING
        )
    except av.error.FFmpegError as error:
        remove_files(path)
        raise cache_damaged() from error
    return stack.enter_context(reader)


def pictures(part: Stretch, clip: Mezzanine, reader: InputContainer) -> Iterator[Packet[VideoStream]]:
    """The packets of one segment, the first at the cut and each lasting until the next, the last until the next cut.

    Raises `Poison` where the clip's picture at the cut is more than two frames off its beat, or ends more than two
    frames before the segment does; `Retryable` where the mezzanine is damaged.
    """
    held: Packet[VideoStream] | None = None
    for ticks, packet in _placed(part, clip, reader):
        if held is not None:
            yield _lasting(held, ticks)
        packet.pts = packet.dts = ticks
        held = packet
    if held is not None:
        yield _lasting(held, part.end)


def sounds(reader: InputContainer, start_s: float, length_s: float) -> Iterator[Packet[AudioStream]]:
    """The song's packets from `start_s` on for `length_s`, moved so that `start_s` is at 0, and the warm-up before.

    Raises `Retryable` where the file is damaged.
    """
    stream = reader.streams.audio[0]
    time_base = stream.time_base or Fraction(1, stream.rate)
    shift, end = round(start_s / time_base), round(length_s / time_base)
    first = shift - (_WARM_UP_PACKETS + 1) * AAC_FRAME
    # The encoder's own first packet lies before 0, where no seek goes.
    seek_to = first - AAC_FRAME if first > AAC_FRAME else None
    for packet in _packets(reader, stream, seek_to):
        if packet.pts is None or packet.pts <= first:
            continue
        packet.pts = packet.dts = packet.pts - shift
        if packet.pts >= end:
            return
        yield _lasting(packet, min(end, packet.pts + AAC_FRAME))


def _placed(part: Stretch, clip: Mezzanine, reader: InputContainer) -> Iterator[tuple[int, Packet[VideoStream]]]:
    keyframe, last = clip.keyframe_at(part.segment.clip_start_s), part.start - 1
    _check_on_beat(part, clip, keyframe)
    for packet, pts in _from_keyframe(reader, keyframe):
        # Frames that would meet are pushed apart, not dropped: later ones are built on them.
        ticks = part.start if last < part.start else max(part.shown_at(pts), last + 1)
        if ticks > part.end - SHORTEST_SHOWN:
            return
        yield ticks, packet
        last = ticks
    _check_not_frozen(part, clip, last)


def _from_keyframe(reader: InputContainer, keyframe: int) -> Iterator[tuple[Packet[VideoStream], int]]:
    stream = reader.streams.video[0]
    found = False
    for packet in _packets(reader, stream, keyframe):
        if packet.pts is None or packet.pts < keyframe:
            continue
        if not found and not (packet.is_keyframe and packet.pts == keyframe):
            remove_files(_path(reader))
            raise cache_damaged()
        found = True
        yield packet, packet.pts


def _packets(reader: InputContainer, stream: AnyStream, seek_to: int | None) -> Iterator[Packet[AnyStream]]:
    try:
        if seek_to is not None:
            reader.seek(seek_to, stream=stream)
        yield from reader.demux(stream)
    except av.error.FFmpegError as error:
        remove_files(_path(reader))
        raise cache_damaged() from error


def _path(reader: InputContainer) -> Path:
    return Path(reader.name.removeprefix(_URL))


def _check_on_beat(part: Stretch, clip: Mezzanine, keyframe: int) -> None:
    if part.cut_error(keyframe) > _most_frozen(part, clip):
        start_s = part.segment.clip_start_s
        raise Poison(
            f"{part.segment.clip} has no picture within {abs(keyframe / TICKS - start_s):.2f} s of its beat at "
            f"{start_s:.2f} s: cut it to where its picture begins",
            reason="no_picture_at_beat",
        )


def _check_not_frozen(part: Stretch, clip: Mezzanine, last: int) -> None:
    if part.end - last > _most_frozen(part, clip):
        missing = (part.end - last) / TICKS
        raise Poison(
            f"{part.segment.clip} ends {missing:.2f} s before its segment at {part.segment.song_start_s:.2f} s does",
            reason="clip_too_short",
        )


def _most_frozen(part: Stretch, clip: Mezzanine) -> float:
    return _MOST_FROZEN_FRAMES * TICKS / clip.fps * part.slowest()


def _lasting(packet: Packet[AnyStream], until: int) -> Packet[AnyStream]:
    packet.duration = until - (packet.pts or 0)
    return packet
