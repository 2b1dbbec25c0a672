"""Cancelled and held requests in a worker.

How a request ends is decided by the first of two records in one partition of an internal topic: `cancel`, or `end` of
the step that is about to publish its outcome. So exactly one outcome is published, whatever is delivered again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from schemas.faults import Poison
from streams.control.decisions import Decisions
from streams.stage.controls import Controls, RequestCancelledError
from streams.stage.event_run import EventRun
from streams.views.control_store import END, ControlStore, held_event, released


class WorkerControls(Controls):
    """The controls of a worker's steps. `changed` must be called whenever the view has applied records."""

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions
        self._store: ControlStore = decisions.store
        self._running: defaultdict[str, list[asyncio.Timeout]] = defaultdict(list)

    def changed(self) -> None:
        """Stop what runs for requests that are cancelled."""
        for request_id, scopes in self._running.items():
            if self._store.cancelled(request_id) is not None:
                for scope in scopes:
                    if not scope.expired():
                        scope.reschedule(0.0)  # a time that has passed

    @asynccontextmanager
    async def running(self, request_id: str) -> AsyncIterator[None]:
        """Run the body unless the request is cancelled; a body that runs is then stopped.

        Raises: `RequestCancelledError`.
        """
        if self._store.cancelled(request_id) is not None:
            raise RequestCancelledError
        scope = asyncio.timeout(None)
        try:
            async with scope:
                self._running[request_id].append(scope)
                try:
                    yield
                finally:
                    self._forget(request_id, scope)
        except TimeoutError:
            if scope.expired():
                raise RequestCancelledError from None
            raise

    async def hold(self, run: EventRun) -> bool:
        """Set the run's event aside if its request is held; return whether it is, and nothing is to be done now."""
        request_id = run.request.request_id
        if not self._store.is_held(request_id) or self._store.is_decided(request_id):
            return False
        what, held = f"{run.step.name}: setting an event aside", held_event(run.record, request_id)
        try:
            await self._decisions.publish(what, None, held)
        except Poison:  # the topic takes no event of this size: better work on it than lose it
            return False
        await self._decisions.caught_up(what)
        if self._store.is_held(request_id):
            return True
        await self._decisions.publish(what, None, released(held.key or b""))  # it was resumed at that moment
        return False

    async def cancelled(self, request_ids: Collection[str]) -> Collection[str]:
        """Decide how requests end whose outcomes are about to be written; return those that were cancelled before."""
        undecided = [id_ for id_ in request_ids if not self._store.is_decided(id_)]
        if undecided:
            what = "deciding how requests end"
            await self._decisions.decide(dict.fromkeys(undecided, END), what)
            await self._decisions.until_decided(undecided, what)
        return {id_ for id_ in request_ids if self._store.cancelled(id_) is not None}

    def _forget(self, request_id: str, scope: asyncio.Timeout) -> None:
        self._running[request_id].remove(scope)
        if not self._running[request_id]:
            del self._running[request_id]
