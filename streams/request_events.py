"""The events by which other programs submit, cancel, hold and resume requests, and the answers to `cancel`."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationError

from schemas.faults import invalid_event
from schemas.move_submitted import MoveSubmitted
from schemas.progress import Progress
from schemas.request_control import RequestControl
from schemas.request_ended import RequestEnded
from schemas.sequence_planned import SequencePlanned
from schemas.song_submitted import SongSubmitted
from streams.envelope import Message, event_headers
from streams.ids import event_id, new_request_id
from streams.topics import REQUEST_CONTROL, topic_of

ALREADY_ENDED = "already_ended"  # the reason in the progress on a cancel that came too late
REQUEST_CONTROL_STEP = "request_control"  # the name in the answers
Action = Literal["cancel", "hold", "resume"]


def submission(request: SongSubmitted | MoveSubmitted | SequencePlanned, source: str) -> Message:
    """Return the event of a request, always with the same id; the key is the sha256 of a stored file, else the id.

    A plan that a person edited is a request of its own, whose first step is rendering.

    `source`: who submits it, a URI reference. Raises: `ValueError` if the request has no id.
    """
    if request.request_id is None:
        raise ValueError("a request needs a request_id to be followed by")
    topic, request_id = topic_of(type(request)), request.request_id
    headers = event_headers(topic, source, event_id("submitted", request_id), request_id)
    key = request.song.sha256 if isinstance(request, SequencePlanned) else request.source.sha256 or request_id
    return Message(topic.full_name, key.encode(), request.model_dump_json().encode(), headers)


def control_message(request_id: str, action: Action, source: str) -> Message:
    """Return the event that does this to a request; `source`: who does it, a URI reference.

    The key is the request id, so that `hold` and `resume` stay in order. Only a `cancel` has always one id: what is
    held may be resumed and held again. Raises: `Poison` for a wrong id.
    """
    try:
        control = RequestControl(request_id=request_id, action=action)
    except ValidationError as error:
        raise invalid_event(RequestControl, error) from error
    id_ = event_id("cancel", request_id) if action == "cancel" else new_request_id()
    headers = event_headers(REQUEST_CONTROL, source, id_, request_id)
    return Message(REQUEST_CONTROL.full_name, request_id.encode(), control.model_dump_json().encode(), headers)


def cancelled(request_id: str, subject: str) -> RequestEnded:
    """Return the outcome of a cancelled request."""
    return RequestEnded(
        request_id=request_id,
        subject=subject,
        step=REQUEST_CONTROL_STEP,
        outcome="cancelled",
        reason="cancelled",
        error="the request was cancelled",
    )


def already_ended(request_id: str, subject: str) -> Progress:
    """Return the progress that answers a `cancel` of a request that had ended."""
    return Progress(
        request_id=request_id,
        subject=subject,
        step=REQUEST_CONTROL_STEP,
        state="done",
        reason=ALREADY_ENDED,
        error="it had ended before it was cancelled",
    )
