"""Encode a clip as a mezzanine: H.264 with a keyframe on the frame nearest to each beat.

All mezzanines of a profile have the same headers, whatever their source, so that their packets can follow each other
in one stream.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

import av
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from agents.media.decode import OpenVideo, mean_fps, open_video
from agents.media.display import Display
from agents.media.mp4 import TICKS, TIME_BASE, add_h264, create_video_file
from agents.media.render_quality import Profile
from schemas.faults import Poison
from schemas.limits import CLIP_S, END_TOLERANCE_S

_MAX_FPS = 33.0
_BITRATE_FACTOR = 0.967  # over some seconds x264 exceeds its bit rate by 1 to 6 %, mostly because of the keyframes
_HOLE_S, _HOLE_FRAMES = 0.3, 3  # a hole is longer than both, and so than what indexing leaves out (`windows`)
_NOMINAL_FPS = 30  # only in the headers, which must be the same for all sources
# The number of threads is fixed, because x264's output depends on it.
_X264 = (
    "stitchable=1:open-gop=0:scenecut=0:keyint=250:min-keyint=1:rc-lookahead=20:b-adapt=0:bframes=0:b-pyramid=none:ref=2:"
    "aud=0:nal-hrd=none:force-cfr=0:sliced-threads=0:threads=2:"
    "colorprim=bt709:transfer=bt709:colormatrix=bt709:fullrange=off:videoformat=undef"
)


class Encoded(NamedTuple):
    """What was written, times in ticks of 1/90000 s.

    `keyframe_pts`: of each beat's keyframe. `last_pts`: of the last frame. `fps`: the mean rate outside of holes.
    `holes`: where frames are missing, each from the last frame before to the first one after.
    """

    keyframe_pts: tuple[int, ...]
    last_pts: int
    frames: int
    fps: float
    holes: tuple[tuple[int, int], ...]


class TimedFrame(NamedTuple):
    """A frame, its time in ticks of 1/90000 s, and the number of beats to which it is the nearest frame."""

    ticks: int
    frame: VideoFrame
    beats: int


def encode(  # noqa: PLR0913
    source: Path,
    beats: Sequence[float],
    profile: Profile,
    target: Path,
    report: Callable[[float], None],
    *,
    mirrored: bool = False,
) -> Encoded:
    """Write the mezzanine of `source` to `target`. `beats`: increasing, seconds from the container's start.

    `mirrored`: left and right are exchanged.

    Raises: `Poison` where no frame decodes (`no_video`), or for pictures after the longest clip's end (`too_long`): a
    file of the media store need not have been accepted as a clip.
    """
    with open_video(source) as video, create_video_file(target) as writer:
        retained = islice(video.frames, 0, None, thinning(mean_fps(source)))
        timed_frames = mark_beats(_with_ticks(retained), beats)
        display = Display((profile.width, profile.height), video.pixel_aspect, mirrored=mirrored)
        encoded = _encode_frames(writer, profile, display, _reporting(timed_frames, video, report))
    if not encoded:
        raise Poison(f"{source.name}: no frame of its video decodes", reason="no_video")
    return _summary(encoded)


def thinning(fps: float) -> int:
    """Return the step between retained frames for at most 33 per second: 1 up to 33 fps, 2 up to 66, and so on."""
    return max(1, math.ceil(fps / _MAX_FPS))


def mark_beats(timed: Iterable[tuple[int, VideoFrame]], beats: Sequence[float]) -> Iterator[TimedFrame]:
    """Yield the frames, each with the number of beats to which it is the nearest; of two equally near, the earlier."""
    remaining = [beat * TICKS for beat in reversed(beats)]
    previous: tuple[int, VideoFrame] | None = None
    for ticks, frame in timed:
        if previous is not None:
            yield TimedFrame(*previous, _pop_beats(remaining, (previous[0] + ticks) / 2))
        previous = ticks, frame
    if previous is not None:
        yield TimedFrame(*previous, len(remaining))


def _pop_beats(remaining: list[float], until: float) -> int:
    before = len(remaining)
    while remaining and remaining[-1] <= until:
        remaining.pop()
    return before - len(remaining)


def _with_ticks(timed: Iterable[tuple[float, VideoFrame]]) -> Iterator[tuple[int, VideoFrame]]:
    last = -1
    for time_s, frame in timed:
        ticks = round(time_s * TICKS)
        if time_s > CLIP_S[1] + END_TOLERANCE_S:
            raise Poison(f"longer than {CLIP_S[1] / 60:.0f} minutes; give a single clip", reason="too_long")
        if ticks > last:
            yield ticks, frame
            last = ticks


def _reporting(
    timed_frames: Iterable[TimedFrame], video: OpenVideo, report: Callable[[float], None]
) -> Iterator[TimedFrame]:
    expected = video.duration_us * TICKS / av.time_base
    for number, timed in enumerate(timed_frames):
        if number % 30 == 0 and expected > 0:
            report(min(1.0, timed.ticks / expected))
        yield timed


def _encode_frames(
    writer: OutputContainer, profile: Profile, display: Display, timed_frames: Iterable[TimedFrame]
) -> list[tuple[int, int]]:
    encoder = _encoder(writer, profile)
    encoded = []
    for timed in timed_frames:
        writer.mux(encoder.encode(_prepared(display(timed.frame), timed)))
        encoded.append((timed.ticks, timed.beats))
    writer.mux(encoder.encode(None))
    return encoded


def _prepared(frame: VideoFrame, timed: TimedFrame) -> VideoFrame:
    frame.pts, frame.time_base = timed.ticks, TIME_BASE
    frame.pict_type = PictureType.I if timed.beats else PictureType.NONE
    return frame


def _encoder(writer: OutputContainer, profile: Profile) -> VideoStream:
    size = profile.width, profile.height
    stream = add_h264(writer, size, Fraction(_NOMINAL_FPS), _x264_options(profile))
    stream.bit_rate = round(_BITRATE_FACTOR * profile.video_bitrate)
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


def _summary(encoded: Sequence[tuple[int, int]]) -> Encoded:
    keys = tuple(ticks for ticks, beats in encoded for _ in range(beats))
    times = [ticks for ticks, _ in encoded]
    missing = holes(times)
    length = times[-1] - times[0] - sum(after - before for before, after in missing)
    fps = TICKS * (len(times) - 1 - len(missing)) / length if length else _NOMINAL_FPS
    return Encoded(keys, times[-1], len(times), fps, missing)


def holes(times: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Return the neighbouring frame times, in ticks, between which frames are missing: the picture would freeze."""
    gaps = [after - before for before, after in pairwise(times)]
    shortest = max(_HOLE_S * TICKS, _HOLE_FRAMES * median(gaps)) if gaps else 0
    return tuple((before, after) for before, after in pairwise(times) if after - before > shortest)
