"""The result of rendering: the video and what it shows."""

from __future__ import annotations

from pydantic import Field

from agents.rendering.inputs import RenderingInput, output_stem
from agents.step import Tools
from infra.base.atomic_file import remove_files, remove_leftovers
from schemas import limits
from schemas.base import Model, Sha256, Warnings
from schemas.rendered import Joins, RenderedParts, Video


class RenderResult(Model):
    """A video, the parts of clips that it shows, the joins of its sound, and warnings of clips that cannot be shown.

    `without_clip`: clips of the plan that the media store lacked; the first hundred.
    """

    video: Video
    segments: RenderedParts
    joins: Joins = ()
    warnings: Warnings = ()
    without_clip: tuple[Sha256, ...] = Field(default=(), max_length=limits.MAX_MISSING_CLIPS, fail_fast=True)


def is_valid(result: RenderResult, tools: Tools) -> bool:
    """Return whether the video's file exists with its full size, and the media store still lacks the same clips."""
    path = tools.output_dir / result.video.file
    is_whole = path.is_file() and path.stat().st_size == result.video.media.size_bytes
    return is_whole and not any(tools.media.has(sha256) for sha256 in result.without_clip)


def discard(rendering: RenderingInput, tools: Tools, since: float) -> None:
    """Remove the video of an input, unless it is older than `since`, and what a process that was stopped has left.

    `since`: seconds since 1970. An older video is that of another request.
    """
    stem = output_stem(rendering)
    videos = tools.output_dir.glob(f"{stem}-*.mp4")
    remove_files(*(video for video in videos if video.stat().st_mtime >= since))
    remove_leftovers(tools.output_dir, f".{stem}-")
