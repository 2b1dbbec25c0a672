"""`progress`: how far a request is, and its one outcome."""

from __future__ import annotations

from typing import Literal

from schemas.base import Name, Payload, RequestId, Seconds, Share


class Progress(Payload):
    """A step's word on a request.

    A step that takes longer than a moment says `started`, and `running` while it works; `waiting` is a step that
    pauses for the `reason` given, such as a full disk.
    `outcome` is set once for each request, by the step that ended it: the last step when it is done, or the step
    that failed, with the reason as a code, the error as one line, and the dead letter's id.
    """

    request_id: RequestId
    subject: Name
    step: Name
    state: Literal["started", "running", "waiting", "done", "failed"]
    fraction: Share = 0.0
    cached: bool = False
    seconds: Seconds = 0.0
    cpu_seconds: Seconds = 0.0
    peak_rss_bytes: int = 0
    outcome: Literal["done", "failed"] | None = None
    reason: str | None = None
    error: str | None = None
    dead_letter_id: str | None = None
