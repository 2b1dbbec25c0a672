"""A clip and its beats in, a mezzanine out: H.264 with a key frame on the frame nearest to each beat.

Every mezzanine of a profile has the same headers, whatever it was made from, so packets of any of them can follow
packets of any other in one stream.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import av
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from agents.media.decode import OpenVideo, mean_fps, open_video
from agents.media.letterbox import Letterbox
from agents.media.mp4 import TICKS, TIME_BASE, add_h264, create_video_file
from agents.media.render_quality import Profile
from schemas.faults import Poison

ENCODER = f"x264-2/av-{av.__version__}"
_FASTEST_FPS = 33.0
_AIM = 0.967  # of the rate wanted: over some seconds x264 spends 1 to 6 % more than it is told, mostly on key frames
_NOMINAL_FPS = 30  # in the headers only: it must be one for all sources
# A fixed number of threads: x264's output depends on it.
_X264 = (
    "stitchable=1:open-gop=0:scenecut=0:keyint=250:min-keyint=1:rc-lookahead=20:b-adapt=0:bframes=0:b-pyramid=none:ref=2:"
    "aud=0:nal-hrd=none:force-cfr=0:sliced-threads=0:threads=2:"
    "colorprim=bt709:transfer=bt709:colormatrix=bt709:fullrange=off:videoformat=undef"
)


class Encoded(NamedTuple):
    """What was written: the key frame of each beat and the last frame, in ticks of 1/90000 s, and how many frames."""

    keyframe_pts: tuple[int, ...]
    last_pts: int
    frames: int
    fps: float


class _Moment(NamedTuple):
    ticks: int
    frame: VideoFrame
    beats: int  # how many beats this frame is the nearest to


def encode(
    source: Path, beats: Sequence[float], profile: Profile, target: Path, report: Callable[[float], None]
) -> Encoded:
    """Write the mezzanine of `source` to `target`. `beats`: increasing, seconds from the container's start.

    Raises `Poison` where nothing of it decodes as a picture.
    """
    with open_video(source) as video, create_video_file(target) as writer:
        fps = mean_fps(source)
        step = thinning(fps)
        kept = islice(video.frames, 0, None, step)
        moments = mark_beats(_in_ticks(kept), beats)
        letterbox = Letterbox(profile, video.pixel_aspect)
        written = _written(writer, profile, letterbox, _reporting(moments, video, report))
    if not written:
        raise Poison(f"{source.name}: no frame of its video decodes", reason="no_video")
    return _summary(written, (fps or _NOMINAL_FPS) / step)


def thinning(fps: float) -> int:
    """Of how many frames one is kept, so that at most 33 a second are left: 1 up to 33 fps, 2 up to 66, and so on."""
    return max(1, math.ceil(fps / _FASTEST_FPS))


def mark_beats(timed: Iterable[tuple[int, VideoFrame]], beats: Sequence[float]) -> Iterator[_Moment]:
    """The frames, each with the number of beats it is nearest to; of two as near, the earlier."""
    waiting = [beat * TICKS for beat in reversed(beats)]
    held: tuple[int, VideoFrame] | None = None
    for ticks, frame in timed:
        if held is not None:
            yield _Moment(*held, _take(waiting, (held[0] + ticks) / 2))
        held = ticks, frame
    if held is not None:
        yield _Moment(*held, len(waiting))


def _take(waiting: list[float], until: float) -> int:
    before = len(waiting)
    while waiting and waiting[-1] <= until:
        waiting.pop()
    return before - len(waiting)


def _in_ticks(timed: Iterable[tuple[float, VideoFrame]]) -> Iterator[tuple[int, VideoFrame]]:
    last = -1
    for time_s, frame in timed:
        ticks = round(time_s * TICKS)
        if ticks > last:
            yield ticks, frame
            last = ticks


def _reporting(moments: Iterable[_Moment], video: OpenVideo, report: Callable[[float], None]) -> Iterator[_Moment]:
    expected = video.duration_us * TICKS / av.time_base
    for number, moment in enumerate(moments):
        if number % 30 == 0 and expected > 0:
            report(min(1.0, moment.ticks / expected))
        yield moment


def _written(
    writer: OutputContainer, profile: Profile, letterbox: Letterbox, moments: Iterable[_Moment]
) -> list[tuple[int, int]]:
    encoder = _encoder(writer, profile)
    written = []
    for moment in moments:
        writer.mux(encoder.encode(_prepared(letterbox(moment.frame), moment)))
        written.append((moment.ticks, moment.beats))
    writer.mux(encoder.encode(None))
    return written


def _prepared(frame: VideoFrame, moment: _Moment) -> VideoFrame:
    frame.pts, frame.time_base = moment.ticks, TIME_BASE
    frame.pict_type = PictureType.I if moment.beats else PictureType.NONE
    return frame


def _encoder(writer: OutputContainer, profile: Profile) -> VideoStream:
    size = profile.width, profile.height
    stream = add_h264(writer, size, Fraction(_NOMINAL_FPS), _x264_options(profile))
    stream.bit_rate = round(_AIM * profile.video_bitrate)
    stream.codec_context.flags |= Flags.global_header
    stream.codec_context.sample_aspect_ratio = Fraction(1)
    return stream


def _x264_options(profile: Profile) -> dict[str, str]:
    return {
        "preset": "veryfast",
        "profile": "high",
        "forced-idr": "1",
        "maxrate": str(profile.video_bitrate * 3 // 2),
        "bufsize": str(profile.video_bitrate * 2),
        "x264-params": f"{_X264}:level={profile.level}",
    }


def _summary(written: Sequence[tuple[int, int]], fps: float) -> Encoded:
    keys = tuple(ticks for ticks, beats in written for _ in range(beats))
    return Encoded(keys, written[-1][0], len(written), fps)
