"""Events that cancel, hold or resume a request."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationError

from schemas.faults import invalid_event
from schemas.request_control import RequestControl
from streams.envelope import Message, event_headers
from streams.ids import event_id, new_request_id
from streams.topics import REQUEST_CONTROL

ALREADY_ENDED = "already_ended"  # the reason in the progress on a cancel that came too late


def control_message(request_id: str, action: Literal["cancel", "hold", "resume"], source: str) -> Message:
    """Return the event that does this to a request.

    The topic is compacted: the last `hold` or `resume` holds, and none of them takes the place of a `cancel`. Only a
    `cancel` has one id for ever: what is held may be resumed and held again. Raises: `Poison` for a wrong id.
    """
    try:
        control = RequestControl(request_id=request_id, action=action)
    except ValidationError as error:
        raise invalid_event(RequestControl, error) from error
    is_cancel = action == "cancel"
    key = f"{request_id}/cancel" if is_cancel else request_id
    made = event_id("cancel", request_id) if is_cancel else new_request_id()
    headers = event_headers(REQUEST_CONTROL, source, made, request_id)
    return Message(REQUEST_CONTROL.full_name, key.encode(), control.model_dump_json().encode(), headers)
