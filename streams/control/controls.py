"""Cancelled and held requests in a worker.

How a request ends is decided by the first of two records in one partition of an internal topic: `cancel`, or `end` of
the step that is about to publish its outcome. So exactly one outcome is published, whatever is delivered again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from schemas.faults import Poison
from streams.control.decisions import Decisions
from streams.stage.controls import Controls, RequestCancelledError
from streams.stage.event_run import EventRun
from streams.views.control_store import END, ControlStore, held_event, released


class _Running:
    """What runs for a request: the body of this context, which another task may stop, as `asyncio.timeout` does."""

    def __init__(self, request_id: str, all_running: dict[_Running, None]) -> None:
        self.request_id = request_id
        self._all_running = all_running
        self._task: asyncio.Task[Any] | None = None
        self._is_stopped = False

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._all_running[self] = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        del self._all_running[self]
        if self._task is not None and self._is_stopped and not self._task.uncancel() and kind is asyncio.CancelledError:
            raise RequestCancelledError from error

    def stop(self) -> None:
        """Cancel the body."""
        if self._task is not None and not self._is_stopped:
            self._is_stopped = True
            self._task.cancel()


class WorkerControls(Controls):
    """The controls of a worker's steps. `changed` must be called whenever the view has applied records."""

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions
        self._store: ControlStore = decisions.store
        self._running: dict[_Running, None] = {}

    def changed(self) -> None:
        """Stop what runs for requests that are cancelled."""
        for running in self._running:
            if self._store.cancelled(running.request_id) is not None:
                running.stop()

    def running(self, request_id: str) -> _Running:
        """Return a context that runs its body, in a task, unless the request is cancelled; then it stops the body.

        It raises `RequestCancelledError`.
        """
        if self._store.cancelled(request_id) is not None:
            raise RequestCancelledError
        return _Running(request_id, self._running)

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
