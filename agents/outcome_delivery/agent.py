"""The step that delivers the outcome of each request to a receiver outside: the webhook of the settings."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from pydantic import Field

from agents.step import Retries, Step, Tools
from schemas.base import Model
from schemas.event_attributes import EventAttributes
from schemas.faults import Poison
from schemas.request_ended import RequestEnded

_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")  # a '.' would separate the parts of what is signed


class OutcomeInput(Model):
    """An outcome, and the attributes of its event.

    The cache key has only the id and the source: an event that is published twice has another time.
    """

    id_and_source: tuple[str, str] = ("", "")
    outcome: RequestEnded = Field(exclude=True)
    event: EventAttributes | None = Field(default=None, exclude=True)


class Delivered(Model):
    """The HTTP status by which the receiver has accepted an outcome."""

    status: int = Field(ge=200, le=299)


def _with_attributes(delivery: OutcomeInput, event: EventAttributes) -> OutcomeInput:
    return OutcomeInput(outcome=delivery.outcome, event=event, id_and_source=(event.id, event.source))


def _work(delivery: OutcomeInput, tools: Tools) -> Delivered:
    if tools.webhook is None or delivery.event is None:
        raise Poison("no webhook is set: set BACHATA_WEBHOOK_URL", reason="settings")
    return Delivered(status=tools.webhook.post(message_id(delivery.event.id), _structured(delivery, delivery.event)))


def message_id(event_id: str) -> str:
    """Return the id of the message: that of the event, or a hash of one that cannot stand in the signed text."""
    return event_id if _PLAIN_ID.fullmatch(event_id) else hashlib.sha256(event_id.encode()).hexdigest()[:32]


def _structured(delivery: OutcomeInput, event: EventAttributes) -> bytes:
    """Return the outcome as a CloudEvent in structured mode."""
    cloud_event: dict[str, Any] = {
        "specversion": "1.0",
        **event.model_dump(exclude_none=True),
        "correlationid": delivery.outcome.request_id,
        "datacontenttype": "application/json",
        "data": delivery.outcome.model_dump(mode="json"),
    }
    return json.dumps(cloud_event, ensure_ascii=False, separators=(",", ":")).encode()


# Waits of 1, 2, 4 … 512 s and three of 600 s, each drawn between half and all of that: 24 to 47 minutes.
_RETRIES = Retries(attempts=14, costly_attempts=14, first_wait_s=1.0, longest_wait_s=600.0)

STEP: Step[RequestEnded, OutcomeInput, Delivered, Model] = Step(
    name="outcome_delivery",
    version="1",
    consumes=RequestEnded,
    depends_on=lambda outcome, _: OutcomeInput(outcome=outcome),
    with_attributes=_with_attributes,
    takes=OutcomeInput,
    work=_work,
    result=Delivered,
    produces=None,
    subject=lambda outcome, _: outcome.request_id,
    is_available=lambda tools: tools.webhook is not None,
    runs_in="thread",
    timeout_s=120.0,
    retries=_RETRIES,
)
