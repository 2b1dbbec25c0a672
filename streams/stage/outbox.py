"""The outbox of a partition: the outputs of its events are written in order, in batches.

While the broker acknowledges one batch, the next one is collected: many small events share a request, and a single
event is written without delay.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Out = TypeVar("Out")
_MAX_PENDING = 256


class Outbox(Generic[Out]):
    """Passes added outputs to `deliver`, one batch at a time, and then calls the `on_delivered` of each."""

    def __init__(self, deliver: Callable[[Sequence[Out]], Awaitable[None]]) -> None:
        self._deliver = deliver
        self._pending: deque[tuple[Out, Callable[[], None]]] = deque()
        self._has_space = asyncio.Event()
        self._has_space.set()
        self._task: asyncio.Task[None] | None = None

    async def add(self, out: Out, on_delivered: Callable[[], None]) -> None:
        """Add an output to the next batch. Waits only while 256 outputs are pending."""
        await self._has_space.wait()
        self._pending.append((out, on_delivered))
        if len(self._pending) >= _MAX_PENDING:
            self._has_space.clear()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._deliver_pending())

    def close(self) -> int:
        """Stop, and return how many outputs were not delivered; their events are not acked and are delivered again."""
        if self._task is not None:
            self._task.cancel()
        return len(self._pending)

    async def _deliver_pending(self) -> None:
        while self._pending:
            batch = list(self._pending)
            await self._deliver([out for out, _ in batch])
            for _, on_delivered in batch:
                self._pending.popleft()
                on_delivered()
            self._has_space.set()
