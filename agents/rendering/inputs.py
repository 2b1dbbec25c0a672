"""The input of rendering, and the file name of a video."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

from agents.step import Tools
from schemas.base import Model, Quality, Sha256, SoundTrack
from schemas.sequence_planned import ClipPart, Plan, SequencePlanned

VERSION = "4"
_MAX_SLUG_CHARACTERS = 60


class RenderingInput(Model):
    """A plan, its song and the track to hear, the quality, and the title as it is written in the file name."""

    song_sha256: Sha256
    sound_track: SoundTrack = 0
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


def output_name(rendering: RenderingInput, clip_parts: Sequence[ClipPart]) -> str:
    """Return `<output stem>-<6 hex digits over the clip parts>.mp4`."""
    digest = hashlib.sha256()
    for part in clip_parts:
        digest.update(part.model_dump_json().encode())
    return f"{output_stem(rendering)}-{digest.hexdigest()[:6]}.mp4"


def output_stem(rendering: RenderingInput) -> str:
    """Return `<title slug>-<12 hex digits over plan, song, track, quality and version>`."""
    parts = (rendering.song_sha256, str(rendering.sound_track), rendering.quality, VERSION)
    digest = hashlib.sha256("|".join(parts).encode())
    digest.update(rendering.plan.model_dump_json().encode())
    return f"{rendering.title_slug}-{digest.hexdigest()[:12]}"
