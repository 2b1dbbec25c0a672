"""Hands progress and outcomes that are published now to those who wait for them: one reader for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from schemas.faults import Retryable
from streams.client.event_log import EventLog
from streams.client.follower import Follower
from streams.envelope import Record
from streams.topics import PROGRESS, REQUEST_ENDED

_TOPICS = (PROGRESS.full_name, REQUEST_ENDED.full_name)
_IDLE_S = 10.0  # the reader is closed after this time without anybody who waits

Queue = asyncio.Queue[Record | Exception]


class Updates:
    """Reads while somebody waits, and for ten seconds more."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._queues: dict[str, set[Queue]] = {}
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None]

    @asynccontextmanager
    async def of(self, request_id: str) -> AsyncIterator[Queue]:
        """Yield a queue of the records on a request from now on; it gets an exception when reading ends with it."""
        queue: Queue = asyncio.Queue()
        queues = self._queues.setdefault(request_id, set())
        queues.add(queue)
        try:
            await self._start()
            yield queue
        finally:
            queues.discard(queue)
            if not queues and self._queues.get(request_id) is queues:
                del self._queues[request_id]

    async def close(self) -> None:
        """End the reading. Who still waits gets `Retryable` (`kafka`)."""
        self._put_all(Retryable("the client was closed while a request was waited for", "kafka"))
        task = self._task
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _start(self) -> None:
        if self._task is None:
            self._ready = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._read(self._ready))
        await asyncio.shield(self._ready)

    async def _read(self, ready: asyncio.Future[None]) -> None:
        try:
            async with self._log.reader(_TOPICS) as reader:
                follower = Follower(reader)
                await follower.start_at_end()
                ready.set_result(None)
                await self._deliver_from(follower)
                self._task = None  # before anything is awaited: who comes now starts another reader
        except Exception as error:  # noqa: BLE001 - raised where the records are waited for
            self._task = None
            self._fail(ready, error)

    async def _deliver_from(self, follower: Follower) -> None:
        idle_until = monotonic() + _IDLE_S
        while self._queues or monotonic() < idle_until:
            for record in await follower.read():
                for queue in self._queues.get(record.header("ce_correlationid") or "", ()):
                    queue.put_nowait(record)
            if self._queues:
                idle_until = monotonic() + _IDLE_S

    def _fail(self, ready: asyncio.Future[None], error: Exception) -> None:
        if not ready.done():
            ready.set_exception(error)
            ready.exception()  # nobody may wait for it any more
        self._put_all(error)

    def _put_all(self, error: Exception) -> None:
        for queues in self._queues.values():
            for queue in queues:
                queue.put_nowait(error)
