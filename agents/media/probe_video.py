"""Measure the moving picture of an open clip: its size, frame rate, and how long it decodes.

All packets are read, but only the first picture and the last group of pictures are decoded: a truncated file or a
wrong header is detected there, at a fraction of the cost of decoding everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import dropwhile
from typing import TYPE_CHECKING, Any

from agents.media.codecs import picture_is_taken, refused_picture
from agents.media.container import decoded, packets, start_s
from agents.media.decode import decode_to_measure, moving_picture
from agents.media.decoded_frames import ticks_of
from agents.media.sniff import not_media
from agents.media.windows import mean_fps_of
from schemas.faults import Poison
from schemas.limits import CLIP_S, END_TOLERANCE_S, MAX_PICTURES, MAX_PIXELS, MAX_SIDE_PX

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_MAX_TRIES = 50  # groups of pictures at each end of a clip of which one must decode

_STREAMS = frozenset({"mpegts", "mpeg"})  # in which the size of pictures is stated with each keyframe only
_SEEK_MARGIN_S = 1.0


@dataclass(frozen=True)
class ProbedPicture:
    """Facts of a video stream, measured by decoding. Width and height are as coded, before the file's rotation.

    `fps`: the mean outside holes. `duration_s`: from the first picture until the last one ends, holes included.
    """

    codec: str
    width: int
    height: int
    fps: float
    duration_s: float


@dataclass(frozen=True)
class _Index:
    """The pts of a stream's packets and of its keyframes, each sorted, in the stream's time base."""

    pts: tuple[int, ...]
    keyframes: tuple[int, ...]

    def groups(self) -> list[tuple[int, int | None]]:
        """Return the start and end of each group of pictures; the end of the last one is None."""
        return list(zip(self.keyframes, (*self.keyframes[1:], None), strict=False))


def probe_picture(container: InputContainer, stream: VideoStream) -> ProbedPicture:
    """Return the facts of an accepted picture. Raises: `Poison`: `picture_too_large`, `not_media`, `too_long`."""
    index = _index(container, stream)
    first = _first_frame(container, stream, index)
    last = _last_pts(container, stream, index)
    first_pts = ticks_of(first) if first else None
    if first is None or first_pts is None or last is None or not stream.time_base:
        raise not_media()
    _check_size(first.width, first.height)
    seconds = float((last - first_pts) * stream.time_base)
    times = [float(pts * stream.time_base) for pts in index.pts if first_pts <= pts <= last]
    fps = mean_fps_of(times)
    _check_spread(seconds, len(times) / fps if fps else 0.0, float(last * stream.time_base) - start_s(container))
    return ProbedPicture(
        codec=stream.codec_context.codec.canonical_name,
        width=first.width,
        height=first.height,
        fps=round(fps, 4),
        duration_s=round(seconds + (1 / fps if fps else 0.0), 6),
    )


def accepted_picture(container: InputContainer) -> VideoStream:
    """Return the moving picture, to be measured.

    Raises: `Poison`: `no_video`, `unsupported_codec`, `picture_too_large`, `not_media`.
    """
    stream = moving_picture(container)
    if stream is None:
        raise Poison("it has no video; give a clip of a dance move", reason="no_video")
    context = stream.codec_context
    if context is None or not picture_is_taken(context):
        raise refused_picture(context)
    if not context.width and container.format.name in _STREAMS:
        raise Poison("it has no keyframe, from which pictures can be decoded; give more of the recording", "not_media")
    _check_size(context.width, context.height)
    decode_to_measure(stream)
    return stream


def _check_size(width: int, height: int) -> None:
    """Check the size of a picture; FFmpeg sets the width of one above its limit to 0."""
    if not 0 < width * height <= MAX_PIXELS or max(width, height) > MAX_SIDE_PX:
        raise Poison("its picture is larger than 4096x2304; scale it down", reason="picture_too_large")


def _check_spread(seconds: float, pictures_s: float, end_s: float) -> None:
    """Check that a clip is no longer than is accepted because of times without a picture, in it or before it."""
    if pictures_s <= CLIP_S[1] < max(seconds, end_s - END_TOLERANCE_S):
        raise Poison("it lacks a picture for minutes; cut it to the move, or export it again", reason="too_long")


def _index(container: InputContainer, stream: VideoStream) -> _Index:
    pts: list[int] = []
    keyframes: list[int] = []
    for number, packet in enumerate(packets(container, stream)):
        packet_pts = ticks_of(packet)
        if packet_pts is not None and packet.size:
            pts.append(packet_pts)
            if packet.is_keyframe:
                keyframes.append(packet_pts)
        if number > MAX_PICTURES:
            raise Poison("it has more than 144000 pictures; cut it to the move", reason="too_long")
    return _Index(tuple(sorted(pts)), tuple(sorted(keyframes)))


def _first_frame(container: InputContainer, stream: VideoStream, index: _Index) -> VideoFrame | None:
    for start, end in index.groups()[:_MAX_TRIES]:
        for frame in _frames(container, stream, start, end):
            return frame
    return None


def _last_pts(container: InputContainer, stream: VideoStream, index: _Index) -> int | None:
    """Return the pts of the last picture that decodes; groups are tried from the last one backwards."""
    for start, end in reversed(index.groups()[-_MAX_TRIES:]):
        times = [ticks_of(frame) for frame in _frames(container, stream, start, end)]
        if known := [pts for pts in times if pts is not None]:
            return max(known)
    return None


def _frames(container: InputContainer, stream: VideoStream, start: int, end: int | None) -> Iterator[VideoFrame]:
    _seek_before(container, stream, start)
    for packet in _packets_from(container, stream, start):
        pts = ticks_of(packet)
        if end is not None and packet.is_keyframe and pts is not None and pts >= end:
            yield from _drained(stream)
            return
        yield from decoded(packet)


def _seek_before(container: InputContainer, stream: VideoStream, start: int) -> None:
    """Seek to the keyframe at `start`, or to before it.

    Streams of MPEG have no index: FFmpeg may go to a packet a little after the keyframe. In front of the first there is
    nothing to go to in an AVI.
    """
    import av

    margin = round(_SEEK_MARGIN_S / (stream.time_base or 1))
    for place in (start - margin, start):
        try:
            return container.seek(place, stream=stream)
        except av.error.FFmpegError:
            continue
    raise not_media()


def _packets_from(container: InputContainer, stream: VideoStream, start: int) -> Iterator[Packet[Any]]:
    """Yield the packets from the keyframe at `start` on."""

    def is_before(packet: Packet[Any]) -> bool:
        pts = ticks_of(packet)
        return not packet.is_keyframe or pts is None or pts < start

    return dropwhile(is_before, packets(container, stream))


def _drained(stream: VideoStream) -> Iterator[VideoFrame]:
    import av

    try:
        yield from stream.codec_context.decode(None)
    except (av.error.FFmpegError, ValueError):  # as in `decoded`
        return
