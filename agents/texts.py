"""Texts for messages that several steps make."""

from __future__ import annotations

from collections.abc import Sequence

_MAX_NAMED = 5


def first_few(texts: Sequence[str]) -> str:
    """Return the first five texts in one line, with a mark where there are more."""
    return ", ".join(texts[:_MAX_NAMED]) + (", …" if len(texts) > _MAX_NAMED else "")
