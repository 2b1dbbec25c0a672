"""The event of an accepted song."""

from __future__ import annotations

from pathlib import PurePath

from agents.media.stated_length import lost_warnings
from schemas.base import MediaFacts, joined_warnings
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted

_MAX_TITLE_CHARACTERS = 200


def accepted(event: SongSubmitted, song: MediaFacts, source_title: str | None = None) -> SongAccepted:
    """Return the event that follows a submitted song, titled as submitted, else as its source or file is."""
    if event.request_id is None:
        raise AssertionError("the step wrapper fills in request_id before a step works")
    return SongAccepted(
        request_id=event.request_id,
        priority=event.priority,
        song=song,
        title=event.title or source_title or _file_title(event.source.path or "") or song.sha256[:12],
        options=event.options,
        corrections=event.corrections,
        fresh=event.fresh,
        warnings=joined_warnings(lost_warnings(song)),
    )


def _file_title(path: str) -> str:
    return "".join(c for c in PurePath(path).stem if c.isprintable()).strip()[:_MAX_TITLE_CHARACTERS]
