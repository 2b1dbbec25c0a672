"""Check that a part of a clip can be shown, before any of the video is written."""

from __future__ import annotations

from agents.media.mezzanine import Mezzanine
from agents.media.mp4 import TICKS
from agents.rendering.timeline import PlacedSegment, place
from schemas.faults import Poison
from schemas.sequence_planned import ClipPart

_MAX_FROZEN_FRAMES = 2


def check_part(part: ClipPart, clip: Mezzanine) -> None:
    """Check that the clip has pictures from the part's first beat to its last, at most two frames' time apart.

    Raises: `Poison`: it starts on none of the clip's beats (`not_a_beat`), the clip has no picture at its start or in a
    hole inside it (`no_picture_at_beat`), or ends before the part does (`clip_too_short`).
    """
    placed = place(part, part.song_start_s)
    limit = _MAX_FROZEN_FRAMES * TICKS / clip.fps * placed.max_stretch()
    _check_start(placed, clip, limit)
    _check_holes(placed, clip, limit)
    missing = placed.end - placed.song_time(clip.last_pts)
    if missing > limit:
        raise Poison(f"its picture ends {missing / TICKS:.2f} s too early", reason="clip_too_short")


def _check_start(part: PlacedSegment, clip: Mezzanine, limit: float) -> None:
    keyframe, start_s = clip.keyframe_at(part.segment.clip_start_s), part.segment.clip_start_s
    if part.cut_error(keyframe) > limit:
        apart_s = abs(keyframe / TICKS - start_s)
        message = f"it has no picture within {apart_s:.2f} s of its beat at {start_s:.2f} s"
        raise Poison(message, reason="no_picture_at_beat")


def _check_holes(part: PlacedSegment, clip: Mezzanine, limit: float) -> None:
    for before, after in clip.holes:
        frozen = min(part.song_time(after), part.end) - max(part.song_time(before), part.start)
        if frozen > limit:
            message = f"it has no picture from {before / TICKS:.2f} s to {after / TICKS:.2f} s"
            raise Poison(message, reason="no_picture_at_beat")
