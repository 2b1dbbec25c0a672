"""Waiting and trying again, with a backoff that grows and varies."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from schemas.faults import Retryable

T = TypeVar("T")
log = logging.getLogger(__name__)
BACKOFF_S = 0.5
_MAX_BACKOFF_S = 30.0
_MAX_DOUBLINGS = 9


async def sleep_before(attempt: int) -> None:
    """Sleep before another attempt: half a second after the first, twice as long after each further one, up to 30 s.

    Half of it is drawn by chance, so that many who wait do not all come back at once.
    """
    longest = min(BACKOFF_S * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS), _MAX_BACKOFF_S)
    await asyncio.sleep(longest * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret


async def retry_forever(action: Callable[[], Awaitable[T]], but: tuple[type[Exception], ...] = ()) -> T:
    """Return what the action gives, however long the broker or the disk is away. Raises only errors of kinds `but`."""
    attempt = 0
    while True:
        try:
            return await action()
        except but:
            raise
        except Exception as error:  # noqa: BLE001 - giving up here would lose the event
            attempt += 1
            log.warning("trying again: %s: %s", type(error).__name__, error)
            await sleep_before(attempt)


def as_retryable(error: Exception) -> Retryable:
    """Return the fault for an error that nobody foresaw; a `Retryable` stays what it is."""
    if isinstance(error, Retryable):
        return error
    return Retryable(f"{type(error).__name__}: {error}", "unexpected")
