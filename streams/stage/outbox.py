"""What the events of one partition lead to, on its way out: in order, together with whatever is ready meanwhile.

While the broker acknowledges one lot the next is gathered, so many small events share a request, and one that comes
alone waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Out = TypeVar("Out")
_MOST = 256


class Outbox(Generic[Out]):
    """Hands what is added to `deliver`, a lot at a time, and then says `done` of each."""

    def __init__(self, deliver: Callable[[Sequence[Out]], Awaitable[None]]) -> None:
        self._deliver = deliver
        self._waiting: deque[tuple[Out, Callable[[], None]]] = deque()
        self._room = asyncio.Event()
        self._room.set()
        self._task: asyncio.Task[None] | None = None

    async def add(self, out: Out, done: Callable[[], None]) -> None:
        """Put it on its way. Returns at once while there is room."""
        await self._room.wait()
        self._waiting.append((out, done))
        if len(self._waiting) >= _MOST:
            self._room.clear()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._empty())

    def close(self) -> int:
        """Stop. Returns how many were not delivered: they come again."""
        if self._task is not None:
            self._task.cancel()
        return len(self._waiting)

    async def _empty(self) -> None:
        while self._waiting:
            lot = list(self._waiting)
            await self._deliver([out for out, _ in lot])
            for _, done in lot:
                self._waiting.popleft()
                done()
            self._room.set()
