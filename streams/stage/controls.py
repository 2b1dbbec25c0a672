"""Which requests are cancelled or held, for the step wrapper; `streams.control` implements it for a worker."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext

from streams.stage.event_run import EventRun


class RequestCancelledError(Exception):
    """The request of an event was cancelled: nothing more is done for it."""


class Controls:
    """No request is cancelled or held: for steps that run without a worker."""

    def running(self, request_id: str) -> AbstractContextManager[object]:
        """Return a context that runs its body, in a task, unless the request is cancelled; then it stops the body.

        It raises `RequestCancelledError`.
        """
        del request_id
        return nullcontext()

    async def hold(self, run: EventRun) -> bool:
        """Set the run's event aside if its request is held; return whether it is, and nothing is to be done now."""
        del run
        return False

    async def cancelled(self, request_ids: Collection[str]) -> Collection[str]:
        """Decide how requests end whose outcomes are about to be written; return those that were cancelled before."""
        del request_ids
        return ()
