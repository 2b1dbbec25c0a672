"""`progress`: how far a step is with a request. Messages may be dropped; `request-ended` has the outcome."""

from __future__ import annotations

from typing import Literal

from schemas.base import Model, Name, RequestId, Seconds, UnitInterval


class Progress(Model):
    """The state of one step of a request.

    A step that takes longer than a moment is `started`, then `running` while it works; `waiting` is a step that
    pauses for the `reason` given, such as a full disk; `done` and `failed` are its end. `subject`: the title of the
    song or the name of the clip. `cached`: the result came from the table. `reason` is a code of `docs/reasons.md`
    where the step failed or waits, `error` the same as one line for a person.
    """

    request_id: RequestId
    subject: Name
    step: Name
    state: Literal["started", "running", "waiting", "done", "failed"]
    fraction: UnitInterval = 0.0
    cached: bool = False
    seconds: Seconds = 0.0
    cpu_seconds: Seconds = 0.0
    peak_rss_bytes: int = 0
    reason: str | None = None
    error: str | None = None
    dead_letter_id: str | None = None
