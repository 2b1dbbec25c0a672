"""The gate every event goes through: once it is closed no new one gets in, and it says when the last one is out."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Gate:
    """Counts the events that are being worked on."""

    def __init__(self) -> None:
        self._inside = 0
        self._closed = False
        self._empty = asyncio.Event()

    async def enter(self) -> None:
        """Let an event in. One that finds the gate closed waits until it is cancelled, and comes again."""
        if self._closed:
            await asyncio.Event().wait()
        self._inside += 1

    def leave(self, count: int = 1) -> None:
        """Let events out."""
        self._inside -= count
        self._tell()

    async def close(self, within_s: float) -> int:
        """Let nothing in any more and wait for what is inside. Returns how many events are still there."""
        self._closed = True
        self._tell()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), within_s)
        return self._inside

    def _tell(self) -> None:
        if self._closed and not self._inside:
            self._empty.set()
