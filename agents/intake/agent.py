"""`song-submitted` comes in; `song-accepted` comes out: the song was found, stored by its content, and decodes."""

from __future__ import annotations

from pathlib import PurePath

from agents.media.submitted import accept, source_identity
from agents.step import Step
from schemas.base import MediaFacts
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted


def _title(event: SongSubmitted, song: MediaFacts) -> str:
    stem = "".join(c for c in PurePath(event.source.path or "").stem if c.isprintable())
    return event.title or stem.strip()[:200] or song.sha256[:12]


def _accepted(event: SongSubmitted, song: MediaFacts) -> SongAccepted:
    if event.request_id is None:
        raise AssertionError("the stage fills in request_id before a step works")
    return SongAccepted(
        request_id=event.request_id,
        song=song,
        title=_title(event, song),
        options=event.options,
        corrections=event.corrections,
    )


STEP = Step(
    name="intake",
    version="1",
    consumes=SongSubmitted,
    result=MediaFacts,
    produces=SongAccepted,
    known_by=lambda event, tools: source_identity(event.source, tools),
    work=lambda event, tools: accept(event.source, tools, "audio"),
    emit=_accepted,
    key=lambda accepted: accepted.song.sha256,
    holds=lambda song, tools: tools.media.has(song.sha256),
    timeout_s=120.0,
)
