"""Cancelled and held requests, for the step wrapper; `streams.control` implements it for a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from streams.stage.event_run import EventRun


class RequestCancelledError(Exception):
    """The request of an event was cancelled: nothing more is done for it."""


class RequestControl:
    """Which requests are cancelled or held: none, where steps run without a worker."""

    @asynccontextmanager
    async def running(self, request_id: str) -> AsyncIterator[None]:
        """Run the body unless the request is cancelled; a body that runs is then stopped.

        Raises: `RequestCancelledError`.
        """
        del request_id
        yield

    async def hold(self, run: EventRun) -> bool:
        """Return whether the event's request is held; then the event is set aside until the request is resumed."""
        del run
        return False

    async def cancelled(self, request_ids: Collection[str]) -> Collection[str]:
        """Return those of these requests, for which an outcome is ready, that were cancelled before."""
        del request_ids
        return ()
