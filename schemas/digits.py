"""Write measured values in sentences that also name a limit."""

from __future__ import annotations

_MAX_DECIMALS = 6


def distinct_text(value: float, limit: float, decimals: int = 1) -> str:
    """Return a value with so many decimals, or with as many more as it takes not to look like the limit."""
    texts = (f"{value:.{digits}f}" for digits in range(decimals, _MAX_DECIMALS + 1))
    return next((text for text in texts if float(text) != limit), f"{value}")
