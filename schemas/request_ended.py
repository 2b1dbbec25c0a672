"""`request-ended`: the outcome of a request; exactly one for each request."""

from __future__ import annotations

from typing import Literal

from schemas.base import Code, Line, Model, Name, ReasonCode, RequestId, Sha256
from schemas.rendered import Video


class Ending(Model):
    """The product of a request that is done: the video of a song, or the clip that is now a move."""

    video: Video | None = None
    clip_sha256: Sha256 | None = None


class RequestEnded(Ending):
    """A request's outcome, published by the step that ended it. The topic is compacted by request.

    `subject`: the title of the song or the name of the clip. `step`: the step that ended the request. `video`: of a
    song that is done. `clip_sha256`: of a clip that is done. `reason`: why the request failed or was cancelled, a code
    of `docs/reasons.md`. `error`: the same as one line for a person. `dead_letter_id`: of the dead letter with its
    event.
    """

    request_id: RequestId
    subject: Name
    step: Name
    outcome: Literal["done", "failed", "cancelled"]
    reason: ReasonCode | None = None
    error: Line | None = None
    dead_letter_id: Code | None = None
