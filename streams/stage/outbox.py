"""The outbox of a partition: the outputs of its events are written in order, in batches.

While the broker acknowledges one batch, the next one is collected: many small events share a request, and a single
event is written without delay.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from streams.stage.retry import sleep_before

Out = TypeVar("Out")
log = logging.getLogger(__name__)
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
        attempt = 0
        while self._pending:
            try:
                await self._deliver_batch(list(self._pending))
                attempt = 0
            except Exception:  # it would end this task without a message, and the partition would wait without end
                attempt += 1
                log.exception("writing a batch again after an unexpected error")
                await sleep_before(attempt)
            self._has_space.set()

    async def _deliver_batch(self, batch: Sequence[tuple[Out, Callable[[], None]]]) -> None:
        await self._deliver([out for out, _ in batch])
        for _, on_delivered in batch:
            on_delivered()
            self._pending.popleft()
