"""The header `Retry-After` of a response."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_DIGITS = re.compile("[0-9]+")


def retry_after_s(text: str, longest_s: float) -> float:
    """Return the seconds that a server asks to wait, as such or as a date, up to `longest_s`; 0 for anything else."""
    try:
        seconds = float(int(text)) if _DIGITS.fullmatch(text) else _seconds_until(text)
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), longest_s)


def _seconds_until(http_date: str) -> float:
    moment = parsedate_to_datetime(http_date)
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
