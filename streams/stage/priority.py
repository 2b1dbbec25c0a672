"""The order of work: interactive requests before bulk ones, in each partition and wherever they wait for a process."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from itertools import count
from typing import TypeVar

from schemas.base import Model, Priority
from schemas.faults import Poison
from streams.envelope import PRIORITY, Record, payload_of

T = TypeVar("T")
_MAX_WAITING = 2000  # events of a partition that are read ahead
_MAX_OVERTAKING = 20  # interactive items in a row before a bulk one that waits
_MAX_PARSED_BYTES = 64 << 10  # of an event that says its priority only in its payload; those of steps have a header

request_priority: ContextVar[Priority] = ContextVar("request_priority", default="interactive")


class _Prioritized(Model):
    priority: Priority = "interactive"


def priority_of(record: Record) -> Priority:
    """Return the priority of an event's request: that of its header, else that of a short event's payload."""
    header = record.raw_header(PRIORITY)
    if header is not None:
        return "bulk" if header == b"bulk" else "interactive"
    value = record.value or b""
    if len(value) > _MAX_PARSED_BYTES or b'"priority"' not in value:
        return "interactive"
    try:
        return payload_of(record, _Prioritized).priority
    except Poison:
        return "interactive"


async def by_priority(
    items: AsyncIterator[T], priority: Callable[[T], Priority], is_outdated: Callable[[T], bool]
) -> AsyncGenerator[T, None]:
    """Yield the items, interactive ones before bulk ones that have arrived, else in order; up to 2,000 are read ahead.

    A bulk item that 20 interactive ones have overtaken comes next, so that its wait has an end. An item that is
    outdated by then is left out. Close the generator: it reads in a task of its own.
    """
    interactive, bulk, overtaken = deque[T](), deque[T](), 0
    has_items, has_space = asyncio.Event(), asyncio.Event()

    async def read() -> None:
        try:
            async for item in items:
                (bulk if priority(item) == "bulk" else interactive).append(item)
                has_items.set()
                if len(interactive) + len(bulk) >= _MAX_WAITING:
                    has_space.clear()
                    await has_space.wait()
        finally:
            has_items.set()

    reading = asyncio.create_task(read())
    try:
        while interactive or bulk or not reading.done():
            if not (interactive or bulk):
                has_items.clear()
                await has_items.wait()
                continue
            overtakes = bool(interactive) and not (bulk and overtaken >= _MAX_OVERTAKING)
            item = (interactive if overtakes else bulk).popleft()
            overtaken = overtaken + 1 if overtakes and bulk else 0
            has_space.set()
            if not is_outdated(item):
                yield item
        await reading
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


class Slots:
    """A number of slots, such as processes; who waits for one gets it by priority, then in order."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._numbers = count()
        self._waiting: list[tuple[bool, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Run the body in a slot."""
        await self._acquire()
        try:
            yield
        finally:
            self._release()

    async def _acquire(self) -> None:
        if self._free:
            self._free -= 1
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (request_priority.get() == "bulk", next(self._numbers), granted))
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self._release()
            raise

    def _release(self) -> None:
        while self._waiting:
            _, _, granted = heapq.heappop(self._waiting)
            if not granted.done():
                granted.set_result(None)
                return
        self._free += 1
