"""`song-submitted`: the request to make a choreography of a song."""

from __future__ import annotations

from schemas.base import Corrections, Model, Name, Options, RequestId, Source


class SongSubmitted(Model):
    """A request for a choreography. Default `request_id`: the event's id. Default `title`: the file's name."""

    source: Source
    request_id: RequestId | None = None
    title: Name | None = None
    options: Options = Options()
    corrections: Corrections = Corrections()
