"""The events that are being worked on: how many there are, and waiting for the last one before a worker stops."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class InFlight:
    """Counts the events that are being worked on."""

    def __init__(self) -> None:
        self._count = 0
        self._draining = False
        self._empty = asyncio.Event()

    async def add(self) -> None:
        """Count one more. While draining, wait until cancelled instead: that event comes again."""
        if self._draining:
            await asyncio.Event().wait()
        self._count += 1

    def remove(self, count: int = 1) -> None:
        """Count so many fewer."""
        self._count -= count
        self._update()

    async def drain(self, within_s: float) -> int:
        """Let no more in and wait for those that are there. Returns how many are left after `within_s` seconds."""
        self._draining = True
        self._update()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), within_s)
        return self._count

    def _update(self) -> None:
        if self._draining and not self._count:
            self._empty.set()
