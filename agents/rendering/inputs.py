"""The input of rendering, and the file name of a video."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from agents.step import Tools
from schemas.base import Model, Quality, Sha256
from schemas.rendered import Video
from schemas.sequence_planned import Plan, SequencePlanned

VERSION = "3"
_MAX_SLUG_CHARACTERS = 60


class RenderingInput(Model):
    """A plan, its song and the track to hear, the quality, and the title as it is written in the file name."""

    song_sha256: Sha256
    sound_track: int = 0
    plan: Plan
    quality: Quality
    title_slug: str


def rendering_input(event: SequencePlanned, tools: Tools) -> RenderingInput:
    """Return the input of an event's video."""
    del tools
    return RenderingInput(
        song_sha256=event.song.sha256,
        sound_track=event.song.sound_track,
        plan=event.plan,
        quality=event.options.quality,
        title_slug=slug(event.title),
    )


def slug(title: str) -> str:
    """Return the title in a-z, 0-9 and '-', at most 60 characters; `song` where no such character remains."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return words[:_MAX_SLUG_CHARACTERS].rstrip("-") or "song"


def plan_hash(plan: Plan) -> str:
    """Return the SHA-256 of the plan's JSON, 64 hex digits."""
    return hashlib.sha256(plan.model_dump_json().encode()).hexdigest()


def output_name(rendering: RenderingInput) -> str:
    """Return `<title slug>-<12 hex digits over plan, song, quality and version>.mp4`."""
    parts = (plan_hash(rendering.plan), rendering.song_sha256, str(rendering.sound_track), rendering.quality, VERSION)
    return f"{rendering.title_slug}-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:12]}.mp4"


def is_whole(video: Video, tools: Tools) -> bool:
    """Return whether the video's file exists with its full size."""
    path = tools.output_dir / video.file
    return path.is_file() and path.stat().st_size == video.media.size_bytes
