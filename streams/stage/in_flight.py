"""The events in progress: their number, and waiting for the last one before a worker stops."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class InFlight:
    """Counts the events in progress."""

    def __init__(self) -> None:
        self._count = 0
        self._draining = False
        self._empty = asyncio.Event()

    async def add(self) -> None:
        """Add one event. While draining, wait until cancelled: the event is not acked, so it is delivered again."""
        if self._draining:
            await asyncio.Event().wait()
        self._count += 1

    def remove(self, count: int = 1) -> None:
        """Remove `count` events."""
        self._count -= count
        self._update()

    async def drain(self, timeout_s: float) -> int:
        """Accept no more events, wait for those in progress, and return how many are left after `timeout_s`."""
        self._draining = True
        self._update()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), timeout_s)
        return self._count

    def _update(self) -> None:
        if self._draining and not self._count:
            self._empty.set()
