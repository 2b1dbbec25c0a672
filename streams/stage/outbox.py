"""The outbox of a partition: what its events lead to is written in their order, in batches.

While the broker acknowledges one batch the next is gathered, so many small events share a request, and one that
comes alone waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Out = TypeVar("Out")
_MAX_WAITING = 256


class Outbox(Generic[Out]):
    """Hands what is added to `deliver`, a batch at a time, and then calls `done` for each."""

    def __init__(self, deliver: Callable[[Sequence[Out]], Awaitable[None]]) -> None:
        self._deliver = deliver
        self._waiting: deque[tuple[Out, Callable[[], None]]] = deque()
        self._has_space = asyncio.Event()
        self._has_space.set()
        self._task: asyncio.Task[None] | None = None

    async def add(self, out: Out, done: Callable[[], None]) -> None:
        """Add to the next batch. Returns at once while fewer than 256 wait."""
        await self._has_space.wait()
        self._waiting.append((out, done))
        if len(self._waiting) >= _MAX_WAITING:
            self._has_space.clear()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._empty())

    def close(self) -> int:
        """Stop. Returns how many were not delivered: they come again."""
        if self._task is not None:
            self._task.cancel()
        return len(self._waiting)

    async def _empty(self) -> None:
        while self._waiting:
            batch = list(self._waiting)
            await self._deliver([out for out, _ in batch])
            for _, done in batch:
                self._waiting.popleft()
                done()
            self._has_space.set()
