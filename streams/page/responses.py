"""Responses that several routes give."""

from __future__ import annotations

from aiohttp import web

from schemas.faults import Poison
from schemas.safe_text import escaped

_MAX_MESSAGE_CHARACTERS = 500


def error_response(status: int, message: str) -> web.Response:
    """Return a response with a JSON object whose `error` is the message in one line."""
    line = escaped(" ".join(message.split()))[:_MAX_MESSAGE_CHARACTERS]
    return web.json_response({"error": line}, status=status)


def fault_response(fault: Exception) -> web.Response:
    """Return the response to a request that failed: 400 for one that can never succeed, else 503."""
    return error_response(400 if isinstance(fault, Poison) else 503, str(fault))
