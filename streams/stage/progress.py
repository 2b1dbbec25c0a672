"""Progress messages on the `progress` topic: how far each step is with a request. They may be dropped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from schemas.faults import Fault
from schemas.progress import Progress
from streams.envelope import Message, event_headers
from streams.stage.event_run import EventRun
from streams.stage.observers import Observer
from streams.topics import PROGRESS

log = logging.getLogger(__name__)
_SEND_INTERVAL_S = 0.05
_MAX_PENDING = 10_000


def progress_message(run: EventRun, **fields: Any) -> Message:
    """Return a progress message for the run's request. The same state and fraction have the same event id."""
    request_id, subject = run.request
    progress = Progress(request_id=request_id, subject=subject, step=run.step.name, **fields)
    name = f"{request_id}:{progress.step}:{progress.state}:{progress.fraction:.3f}"
    headers = event_headers(PROGRESS, f"/agents/{progress.step}", name, request_id)
    return Message(PROGRESS.full_name, request_id.encode(), progress.model_dump_json().encode(), headers)


class ProgressReporter(Observer):
    """Publishes progress in the background, in order, without blocking a run; a message that cannot be sent is dropped.

    A single message is sent at once; further messages are sent together every 50 ms, at most 10,000, the newest.
    """

    def __init__(self, publish: Callable[..., Awaitable[None]]) -> None:
        self._publish = publish
        self._pending: list[Message] = []
        self._task: asyncio.Task[None] | None = None
        self._waits_for: dict[int, str] = {}

    def progressed(self, run: EventRun, fraction: float) -> None:
        """Report `started` or `running`; while a run waits, its further attempts are not reported."""
        if not fraction and id(run) in self._waits_for:
            return
        self._waits_for.pop(id(run), None)
        self._add(progress_message(run, state="running" if fraction else "started", fraction=fraction))

    def waiting(self, run: EventRun, fault: Fault) -> None:
        """Report `waiting`, once for each distinct message in a row."""
        if self._waits_for.get(id(run)) != str(fault):
            self._waits_for[id(run)] = str(fault)
            log.warning("%s waits: %s", run.step.name, fault)
            self._add(progress_message(run, state="waiting", reason=fault.reason, error=str(fault)))

    def prepared(self, run: EventRun) -> None:
        """Remove the run from the waiting ones."""
        self._waits_for.pop(id(run), None)

    def finished(self, run: EventRun) -> None:
        """Report `done` or `failed`."""
        self._add(progress_message(run, **_end(run)))

    def _add(self, message: Message) -> None:
        self._pending.append(message)
        del self._pending[:-_MAX_PENDING]
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._send())

    async def _send(self) -> None:
        while self._pending:
            messages, self._pending = self._pending, []
            try:
                await self._publish(*messages)
            except Exception as error:  # noqa: BLE001 - progress may be dropped, the outcome may not
                log.debug("%d progress messages are dropped: %s", len(messages), error)
            await asyncio.sleep(_SEND_INTERVAL_S)


def _end(run: EventRun) -> dict[str, Any]:
    if run.fault is not None:
        failure = {"reason": run.fault.reason, "error": str(run.fault), "dead_letter_id": run.dead_letter_id}
        return {"state": "failed", **failure}
    work = run.completed_work
    cost = {} if work is None else {"cpu_seconds": work.cpu_seconds, "peak_rss_bytes": work.peak_rss_bytes}
    return {"state": "done", "fraction": 1.0, "seconds": run.seconds, "cached": work is None, **cost}
