"""Parts of a worker that run in the background until they are stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class BackgroundTask:
    """Runs `_run` between `start` and `stop`."""

    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start running."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop, and return when it has ended."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        raise NotImplementedError


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns; if this is cancelled, `work` ends nevertheless before `CancelledError` is raised.

    For work on a thread, which cannot be cancelled: a lock around it must be held until it has ended.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
