"""The outcome of a request, and the exceptions for a request that is not done."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

from schemas.faults import Poison
from schemas.rendered import Video
from schemas.request_ended import RequestEnded
from streams.envelope import Record, payload_of
from streams.ids import position_id

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How a request ended. `id`: the CloudEvents id of its event, the same in each delivery of it.

    `position`: only of `results()`: the position after this outcome, from which another call reads on.
    """

    id: str
    ended: RequestEnded
    position: str | None = None

    @property
    def request_id(self) -> str:
        """Return the id of the request."""
        return self.ended.request_id

    @property
    def state(self) -> Literal["done", "failed", "cancelled"]:
        """Return the kind of outcome."""
        return self.ended.outcome

    @property
    def video(self) -> Video | None:
        """Return the video of a song that is done: its name in the output folder, its content and its measures."""
        return self.ended.video

    @property
    def reason(self) -> str | None:
        """Return the code of a failure, one of `docs/reasons.md`."""
        return self.ended.reason

    def check_done(self) -> Outcome:
        """Return the outcome itself. Raises: `RequestFailedError`, `RequestCancelledError`."""
        if self.state == "failed":
            raise RequestFailedError(self)
        if self.state == "cancelled":
            raise RequestCancelledError(self)
        return self


class RequestNotDoneError(Exception):
    """A request ended without its product; `outcome` says how."""

    def __init__(self, outcome: Outcome) -> None:
        """Describe the outcome in one line."""
        ended = outcome.ended
        cause = f": {ended.error}" if ended.error else ""
        code = f" ({ended.reason})" if ended.reason else ""
        super().__init__(f"request {ended.request_id} {ended.outcome} in {ended.step}{cause}{code}")
        self.outcome = outcome


class RequestFailedError(RequestNotDoneError):
    """A request failed; `outcome.reason` has the code."""


class RequestCancelledError(RequestNotDoneError):
    """A request was cancelled."""


def outcome_of(record: Record) -> Outcome | None:
    """Return the outcome in a record of `request-ended`; None, with a warning in the log, for an invalid event."""
    try:
        ended = payload_of(record, RequestEnded)
    except Poison as fault:
        log.warning("%s[%d] %d is left out: %s", record.topic, record.partition, record.offset, fault)
        return None
    return Outcome(record.event_id or position_id(record.topic, record.partition, record.offset), ended)
