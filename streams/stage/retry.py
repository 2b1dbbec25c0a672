"""Retries with exponential backoff and jitter."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from agents.step import Retries
from schemas.faults import Fault, Retryable
from streams.stage.operations import Operation

T = TypeVar("T")
log = logging.getLogger(__name__)
_MAX_DOUBLINGS = 30
_DEFAULT = Retries()


async def sleep_before(attempt: int, retries: Retries = _DEFAULT, at_least_s: float = 0.0) -> None:
    """Sleep before another attempt: see `Retries`. `at_least_s`: what the fault demands.

    The time is drawn, so that not all waiting events retry at the same time.
    """
    longest_s = min(retries.first_wait_s * 2.0 ** min(attempt - 1, _MAX_DOUBLINGS), retries.longest_wait_s)
    await asyncio.sleep(max(longest_s * random.uniform(0.5, 1.0), at_least_s))  # noqa: S311 - not a secret


async def retry_forever(
    action: Callable[[], Awaitable[T]], operation: Operation, reraise: tuple[type[Exception], ...] = ()
) -> T:
    """Return the action's value, after any number of retries. Raises only errors of the types `reraise`.

    `operation` gets the last error; only the first is logged.
    """
    attempt = 0
    while True:
        try:
            return await action()
        except reraise:
            raise
        except Exception as error:  # noqa: BLE001 - giving up here would lose the event
            attempt += 1
            operation.reason = _describe(error)
            log.log(logging.DEBUG if attempt > 1 else logging.WARNING, "%s: retrying after %s", operation.what, error)
            await sleep_before(attempt)


def _describe(error: Exception) -> str:
    return str(error) if isinstance(error, Fault) else str(as_retryable(error))


def as_retryable(error: Exception) -> Retryable:
    """Return a `Retryable` (`unexpected`) for an unexpected error; a `Retryable` is returned unchanged."""
    if isinstance(error, Retryable):
        return error
    return Retryable(f"{type(error).__name__}: {error}", "unexpected")
