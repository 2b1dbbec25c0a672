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
from streams.envelope import Message
from streams.stage.delivery import Publisher, UpToDate
from streams.stage.event_run import EventRun
from streams.stage.operations import Operations
from streams.stage.request_control import RequestCancelledError, RequestControl
from streams.stage.retry import retry_forever
from streams.views.request_controls import END, RequestControls, decision, held_event


class RequestControlOfTopics(RequestControl):
    """The control of requests in a worker. `changed` must be called whenever the view has applied records."""

    def __init__(self, controls: RequestControls, view: UpToDate, publisher: Publisher, operations: Operations) -> None:
        self._controls = controls
        self._view = view
        self._publisher = publisher
        self._operations = operations
        self._running: defaultdict[str, list[asyncio.Timeout]] = defaultdict(list)

    def changed(self) -> None:
        """Stop what runs for requests that are cancelled."""
        for request_id, scopes in self._running.items():
            if self._controls.cancelled(request_id) is not None:
                for scope in scopes:
                    if not scope.expired():
                        scope.reschedule(0.0)  # a time that has passed

    @asynccontextmanager
    async def running(self, request_id: str) -> AsyncIterator[None]:
        """Run the body unless the request is cancelled; a body that runs is then stopped.

        Raises: `RequestCancelledError`.
        """
        if self._controls.cancelled(request_id) is not None:
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
        """Return whether the event's request is held; then the event is set aside until the request is resumed."""
        request_id = run.request.request_id
        if not self._controls.is_held(request_id) or self._controls.is_decided(request_id):
            return False
        try:
            await self._publish(f"{run.step.name}: holding an event", held_event(run.record, request_id))
        except Poison:  # the topic takes no event of this size: better work on it than lose it
            return False
        await self._catch_up()  # it may have been resumed before the event was set aside
        return self._controls.is_held(request_id)

    async def cancelled(self, request_ids: Collection[str]) -> Collection[str]:
        """Return those of these requests, for which an outcome is ready, that were cancelled before."""
        undecided = [id_ for id_ in request_ids if not self._controls.is_decided(id_)]
        if undecided:
            await self._publish("deciding how requests end", *(decision(id_, END) for id_ in undecided))
            await self._catch_up()
        return {id_ for id_ in request_ids if self._controls.cancelled(id_) is not None}

    def _forget(self, request_id: str, scope: asyncio.Timeout) -> None:
        self._running[request_id].remove(scope)
        if not self._running[request_id]:
            del self._running[request_id]

    async def _publish(self, what: str, *messages: Message) -> None:
        with self._operations.start(what) as operation:
            await retry_forever(lambda: self._publisher.publish(*messages), operation, reraise=(Poison,))

    async def _catch_up(self) -> None:
        with self._operations.start("the view 'request controls' catches up") as operation:
            await retry_forever(self._view.caught_up, operation)
