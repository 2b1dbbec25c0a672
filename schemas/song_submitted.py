"""`song-submitted`: make a choreography of this song, with these options."""

from __future__ import annotations

from schemas.base import Corrections, Model, Name, Options, RequestId, Source


class SongSubmitted(Model):
    """A request. Without a `request_id` the event's own id serves; without a `title` the file's name does."""

    source: Source
    request_id: RequestId | None = None
    title: Name | None = None
    options: Options = Options()
    corrections: Corrections = Corrections()
