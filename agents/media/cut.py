"""Cut a part out of a recording, as a clip: packets are copied where an mp4 can hold them, else all is encoded again.

The same part of the same file always gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from agents.media.aac import EncodedSound, add_aac
from agents.media.container import media_errors, open_container, packets_of, start_s
from agents.media.decode import go_to, moving_picture, open_audio, open_video
from agents.media.decoded_frames import is_timed_by_decoding
from agents.media.display import Display, displayed_size, fit_size
from agents.media.mp4 import TICKS, TIME_BASE, add_h264, create_video_file
from agents.media.probe import probe
from schemas.faults import Poison

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame

_PICTURES = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4"})
_SOUNDS = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "flac", "opus"})
_PREROLL_S = 0.1  # of sound, from which a decoder finds its state
_REORDERED_S = 1.0  # within which pictures are decoded before those of an earlier time
_MAX_DEVIATION_S = 0.5  # of a copy's length from that of the part
_BOX, _CRF, _BITRATE = (1920, 1080), "17", 192_000
# The number of threads is fixed, because x264's output depends on it.
_X264 = {"preset": "fast", "crf": _CRF, "x264-params": "threads=2:sliced-threads=0"}
_NOMINAL_FPS = Fraction(30)


@dataclass(frozen=True)
class CutPart:
    """The part of a recording to cut out: seconds from the container's start, and its audio stream, None: no sound."""

    start_s: float
    end_s: float
    sound_track: int | None


class _Timed(NamedTuple):
    """A packet, and the times of its presentation and of its decoding, in its time base."""

    packet: Packet[Any]
    pts: int
    dts: int

    @property
    def pts_s(self) -> Fraction:
        """Return when its presentation begins, seconds."""
        return self.pts * self.packet.time_base

    @property
    def end_s(self) -> Fraction:
        """Return when its presentation ends, seconds."""
        return (self.pts + (self.packet.duration or 0)) * self.packet.time_base


def cut(recording: Path, part: CutPart, target: Path) -> None:
    """Write a part of a recording to the mp4 `target`.

    A copy starts exactly at the part's start: an edit list hides the pictures since the keyframe before. At its end it
    may have some pictures more, from which earlier ones are decoded. Raises: `Poison`: as `open_video` and `open_audio`
    do; `no_video` where no picture of the part decodes.
    """
    if not _copied(recording, part, target):
        _encode(recording, part, target)


def _copied(recording: Path, part: CutPart, target: Path) -> bool:
    """Write the part's packets to `target`, and return whether this is a clip of the right length."""
    try:
        with open_container(recording) as container, media_errors():
            streams = _copied_streams(container, part)
            if streams:
                _copy(container, streams, part, target)
        return bool(streams) and _is_whole(target, part)
    except Poison:
        return False


def _copied_streams(container: InputContainer, part: CutPart) -> list[Any]:
    """Return the streams to copy, the picture first; none where one of them cannot be."""
    picture = moving_picture(container)
    sounds = [] if part.sound_track is None else [container.streams.audio[part.sound_track]]
    if picture is None or is_timed_by_decoding(container) or _codec(picture) not in _PICTURES:
        return []
    return [picture, *sounds] if all(_codec(sound) in _SOUNDS for sound in sounds) else []


def _codec(stream: Any) -> str:
    return str(stream.codec_context.codec.canonical_name)


def _is_whole(target: Path, part: CutPart) -> bool:
    return abs(probe(target, "video").duration_s - (part.end_s - part.start_s)) <= _MAX_DEVIATION_S


def _copy(container: InputContainer, streams: Sequence[Any], part: CutPart, target: Path) -> None:
    origin_s = start_s(container)
    first_s, last_s = part.start_s + origin_s, part.end_s + origin_s
    go_to(container, part.start_s)
    pictures, sounds = _packets(container, streams, last_s)
    chosen = [*_chosen_pictures(pictures, first_s, last_s), *_chosen_sounds(sounds, first_s, last_s)]
    with create_video_file(target) as writer:
        outputs = {stream.index: _added(writer, stream) for stream in streams}
        for packet, pts, dts in sorted(chosen, key=_order):
            shift = round(first_s / packet.time_base)
            packet.pts, packet.dts = pts - shift, dts - shift
            packet.stream = outputs[packet.stream_index]
            writer.mux_one(packet)


def _order(timed: _Timed) -> tuple[Fraction, int]:
    return timed.dts * timed.packet.time_base, timed.packet.stream_index


def _added(writer: OutputContainer, template: Any) -> Stream:
    stream: Stream = writer.add_stream_from_template(template)
    stream.time_base = template.time_base
    return stream


def _packets(container: InputContainer, streams: Sequence[Any], end_s: float) -> tuple[list[_Timed], list[_Timed]]:
    """Return the packets of picture and sound up to a time, in the order of decoding."""
    found: tuple[list[_Timed], list[_Timed]] = ([], [])
    for packet in packets_of(container, *streams):
        if packet.size and packet.pts is not None and packet.dts is not None:
            is_picture = packet.stream_index == streams[0].index
            if is_picture and packet.dts * packet.time_base > end_s + _REORDERED_S:
                break
            found[not is_picture].append(_Timed(packet, packet.pts, packet.dts))
    return found


def _chosen_pictures(timed: Sequence[_Timed], start_s: float, end_s: float) -> list[_Timed]:
    """Return the packets from the last keyframe before the part on, to the last that one of its pictures needs.

    Raises: `Poison` (`not_media`) where there is no such keyframe, or no picture.
    """
    keys = [n for n, each in enumerate(timed) if each.packet.is_keyframe and each.pts_s <= start_s]
    inside = [n for n, each in enumerate(timed) if each.pts_s < end_s]
    if not keys or inside[-1] < keys[-1]:
        raise Poison("its packets cannot be cut", "not_media")
    first, last = keys[-1], inside[-1]
    latest = max(each.pts_s for each in timed[first : last + 1])
    after = [each for each in timed[last + 1 :] if each.pts_s <= latest]
    # Pictures before the keyframe that are decoded after it need a keyframe that is left out.
    return [each for each in (*timed[first : last + 1], *after) if each.pts_s >= timed[first].pts_s]


def _chosen_sounds(timed: Sequence[_Timed], start_s: float, end_s: float) -> list[_Timed]:
    return [each for each in timed if each.end_s > start_s - _PREROLL_S and each.pts_s < end_s]


def _encode(recording: Path, part: CutPart, target: Path) -> None:
    with create_video_file(target) as writer, _encoded_sound(recording, part, writer) as sound:
        _encode_pictures(recording, part, writer)
        for encoded in sound:
            writer.mux(list(encoded.packets))


def _encode_pictures(recording: Path, part: CutPart, writer: OutputContainer) -> None:
    encoder, last = None, -1
    with open_video(recording, part.start_s) as video:
        for time_s, frame in takewhile(lambda timed: timed[0] < part.end_s, video.frames):
            ticks = round((time_s - part.start_s) * TICKS)
            if ticks <= last:
                continue
            if encoder is None:
                display, encoder = _opened(frame, video.pixel_aspect, writer)
            picture = display(frame)
            picture.pts, picture.time_base, last = ticks, TIME_BASE, ticks
            writer.mux(encoder.encode(picture))
    if encoder is None:
        raise Poison("no picture of this part decodes", "no_video")
    writer.mux(encoder.encode(None))


def _opened(frame: VideoFrame, pixel_aspect: float, writer: OutputContainer) -> tuple[Display, Any]:
    """Return the display and the encoder for frames like this one, as large as it is, within 1920x1080 or upright."""
    width, height = displayed_size(frame, pixel_aspect)
    box = _BOX if width >= height else _BOX[::-1]
    scale = min(1.0, box[0] / width, box[1] / height)
    size = fit_size(width, height, (2 * round(width * scale / 2), 2 * round(height * scale / 2)))
    return Display(size, pixel_aspect), add_h264(writer, size, _NOMINAL_FPS, _X264)


@contextmanager
def _encoded_sound(recording: Path, part: CutPart, writer: OutputContainer) -> Iterator[Iterator[EncodedSound]]:
    """Add the stream of the part's sound, and encode it while the result is iterated."""
    if part.sound_track is None:
        yield iter(())
        return
    with open_audio(recording, part.sound_track, max(0.0, part.start_s - _PREROLL_S)) as audio:
        yield add_aac(writer, replace(audio, frames=_of_part(audio.frames, part)), _BITRATE)


def _of_part(
    frames: Iterator[tuple[float | None, AudioFrame]], part: CutPart
) -> Iterator[tuple[float | None, AudioFrame]]:
    for time_s, frame in frames:
        if time_s is not None and time_s >= part.end_s:
            return
        yield None if time_s is None else time_s - part.start_s, frame
