"""A finished video, its intended cuts and their clips in, what was measured on the file out."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from pathlib import Path

from agents.media.cached import open_cached
from agents.media.mezzanine import Mezzanine
from agents.media.mp4 import TICKS
from agents.media.render_quality import Profile
from agents.rendering.timeline import PlacedSegment
from infra.base.atomic_file import sha256_of
from schemas.base import MediaRef
from schemas.rendered import Video


def measured(
    path: Path, name: str, parts: Sequence[PlacedSegment], clips: Mapping[str, Mezzanine], profile: Profile
) -> Video:
    """The facts of a video file, read from its index: `name` is what it will be called.

    `max_cut_error_ms` is, of all cuts, the most that the picture shown there is off its beat in the clip, in the
    song's time, with the distance of the written key frame from the song's beat added. Since a clip has pictures
    only at its frames, it is up to half a gap between two of them where all is right.
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


def _cut_error(keyframes: Sequence[int], part: PlacedSegment, clips: Mapping[str, Mezzanine]) -> float:
    shown = clips[part.segment.clip_sha256].keyframe_at(part.segment.clip_start_s)
    return _distance(keyframes, part.shown[0]) + part.cut_error(shown)


def _distance(keyframes: Sequence[int], cut: float) -> float:
    i = bisect_left(keyframes, cut)
    return min(abs(keyframe - cut) for keyframe in keyframes[max(0, i - 1) : i + 1])
