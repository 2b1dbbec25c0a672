"""`progress`: the progress of a request in a step. Messages may be dropped; `request-ended` has the outcome."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas import limits
from schemas.base import Code, Line, Model, Name, ReasonCode, RequestId, UnitInterval

_Cost = Annotated[float, Field(ge=0, le=limits.MAX_SECONDS)]


class Progress(Model):
    """The state of one step of a request.

    A step that is not immediate is `started`, then `running`; a `waiting` step pauses for the `reason`, such as a full
    disk; `done` and `failed` end it. `subject`: the title of the song or the name of the clip. `cached`: the result
    came from the table. `reason`: where the step failed or waits, a code of `docs/reasons.md`; `error`: one line for a
    person.
    """

    request_id: RequestId
    subject: Name
    step: Name
    state: Literal["started", "running", "waiting", "done", "failed"]
    fraction: UnitInterval = 0.0
    cached: bool = False
    seconds: _Cost = 0.0
    cpu_seconds: _Cost = 0.0
    peak_rss_bytes: int = Field(default=0, ge=0, le=limits.MAX_MEMORY_BYTES)
    reason: ReasonCode | None = None
    error: Line | None = None
    dead_letter_id: Code | None = None
