"""A planned sequence in, what its video depends on and is called out: the same for the same."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Any

from agents.step import Tools
from schemas.rendered import Video
from schemas.sequence_planned import Plan, SequencePlanned

VERSION = "2"
_LONGEST_SLUG = 60


def slug(title: str) -> str:
    """The title in a-z, 0-9 and '-', at most 60 characters; `song` where nothing is left."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return words[:_LONGEST_SLUG].rstrip("-") or "song"


def plan_hash(plan: Plan) -> str:
    """SHA-256 of the plan's JSON, 64 hex digits."""
    return hashlib.sha256(plan.model_dump_json().encode()).hexdigest()


def output_name(event: SequencePlanned) -> str:
    """`<title slug>-<12 hex digits over plan, song, quality and version>.mp4`."""
    parts = (plan_hash(event.plan), event.song.sha256, event.options.quality, VERSION)
    return f"{slug(event.title)}-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:12]}.mp4"


def known_by(event: SequencePlanned, tools: Tools) -> dict[str, Any]:
    """Everything the video and its name depend on besides the version."""
    del tools
    named = {"quality": event.options.quality, "title": slug(event.title)}
    return {"song": event.song.sha256, "plan": plan_hash(event.plan), **named}


def holds(video: Video, tools: Tools) -> bool:
    """Whether the video is still there, whole."""
    path = tools.output_dir / video.file
    return path.is_file() and path.stat().st_size == video.media.size_bytes
