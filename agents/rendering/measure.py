"""Measure a finished video: duration, frames, and the error of its cuts."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from pathlib import Path

from agents.media.cached import open_cached
from agents.media.mezzanine import Mezzanine
from agents.media.mp4 import TICKS
from agents.media.render_quality import Profile
from agents.rendering.clips import ClipVersion, version_of
from agents.rendering.timeline import PlacedSegment
from infra.base.atomic_file import sha256_of
from schemas.base import MediaRef
from schemas.rendered import Video


def measure(
    path: Path, name: str, parts: Sequence[PlacedSegment], clips: Mapping[ClipVersion, Mezzanine], profile: Profile
) -> Video:
    """Return the facts of a video file, read from its index. `name`: its final file name.

    `max_cut_error_ms`: the maximum over all cuts of the time between the displayed frame and its beat in the clip, in
    song time, plus the distance of the written keyframe from the song's beat. A clip has pictures only at its frames,
    so a correct cut has up to half the interval between two of them.
    """
    with open_cached(path) as reader:
        index = reader.video.index_entries
        keyframes = [entry.timestamp for entry in index if entry.is_keyframe]
        frames, duration = len(index), (reader.video.duration or 0) / TICKS
    return Video(
        file=name,
        media=MediaRef(sha256=sha256_of(path), size_bytes=path.stat().st_size, kind="video"),
        duration_s=duration,
        width=profile.width,
        height=profile.height,
        frames=frames,
        max_cut_error_ms=max(_cut_error(keyframes, part, clips) for part in parts) * 1000 / TICKS,
    )


def _cut_error(keyframes: Sequence[int], part: PlacedSegment, clips: Mapping[ClipVersion, Mezzanine]) -> float:
    keyframe = clips[version_of(part.segment)].keyframe_at(part.segment.clip_start_s)
    return _distance(keyframes, part.song_ticks[0]) + part.cut_error(keyframe)


def _distance(keyframes: Sequence[int], cut: float) -> float:
    i = bisect_left(keyframes, cut)
    return min(abs(keyframe - cut) for keyframe in keyframes[max(0, i - 1) : i + 1])
