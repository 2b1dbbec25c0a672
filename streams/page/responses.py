"""Responses that several routes give."""

from __future__ import annotations

from aiohttp import web

from schemas.faults import Fault, Poison
from schemas.reasons import Reason
from schemas.safe_text import escaped

_MAX_MESSAGE_CHARACTERS = 500
_STATUSES: dict[Reason, int] = {"disk_full": 507, "repeated_id": 422, "too_large": 413}


def error_response(status: int, message: str, reason: Reason | None = None) -> web.Response:
    """Return a response with a JSON object: `error` is the message in one line, `reason` a reason code, if any."""
    line = escaped(" ".join(message.split()))[:_MAX_MESSAGE_CHARACTERS]
    return web.json_response({"error": line} | ({"reason": reason} if reason else {}), status=status)


def fault_response(fault: Fault) -> web.Response:
    """Return the response to a request that failed: by default 400 for one that can never succeed, else 503."""
    status = _STATUSES.get(fault.reason, 400 if isinstance(fault, Poison) else 503)
    return error_response(status, str(fault), fault.reason)
