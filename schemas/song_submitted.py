"""`song-submitted`: the request to make a choreography of a song."""

from __future__ import annotations

from schemas.base import Corrections, Model, Name, Options, Priority, RequestId, Source
from schemas.request_options import RequestOptions


class SongSubmitted(Model):
    """A request for a choreography.

    `source`: the song. `request_id`: a new id that the sender chooses; without it, the id of the event. `title`: the
    name of the song for people; without it, the name of the file. `corrections`: of the beats that are found.
    In each step, events of `interactive` requests are worked on before those of `bulk` ones that wait there.
    `fresh`: each step computes its result again, where it is otherwise taken from an earlier request.
    """

    source: Source
    request_id: RequestId | None = None
    priority: Priority = "interactive"
    title: Name | None = None
    options: RequestOptions = Options()
    corrections: Corrections = Corrections()
    fresh: bool = False
