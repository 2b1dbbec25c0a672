"""`request-ended`: the outcome of a request; exactly one for each request."""

from __future__ import annotations

from typing import Literal

from schemas.base import Code, Line, Model, Name, RequestId, Sha256
from schemas.rendered import Video


class Ending(Model):
    """The product of a request that is done: the video of a song, or the clip that is now a move."""

    video: Video | None = None
    clip_sha256: Sha256 | None = None


class RequestEnded(Ending):
    """A request's outcome, published by the step that ended it. The topic is compacted by request.

    `subject`: the title of the song or the name of the clip. A failed request has the `reason` as a code of
    `docs/reasons.md`, the `error` as one line for a person, and the id of the dead letter with its event.
    """

    request_id: RequestId
    subject: Name
    step: Name
    outcome: Literal["done", "failed", "cancelled"]
    reason: Code | None = None
    error: Line | None = None
    dead_letter_id: Code | None = None
