"""Parts of a worker that run in the background until they are stopped."""

from __future__ import annotations

import asyncio


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
