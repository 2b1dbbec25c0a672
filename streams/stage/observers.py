"""Observers are notified of each event's run through a step and do not change it.

Progress messages, the log and the page's health are observers; metrics and traces can be added as observers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from schemas.faults import Fault
from streams.stage.event_run import EventRun

log = logging.getLogger("streams.steps")


class Observer:
    """Is notified of the events of a run. Each method does nothing unless a subclass overrides it; none may block."""

    def queued(self, run: EventRun) -> None:
        """Handle that the work starts as soon as a process or thread is free."""

    def progressed(self, run: EventRun, fraction: float) -> None:
        """Handle that the work has started (`fraction` 0) or has reached this fraction, 0-1."""

    def waiting(self, run: EventRun, fault: Fault) -> None:
        """Handle that the run waits for an unavailable resource; called repeatedly while it waits."""

    def prepared(self, run: EventRun) -> None:
        """Handle that the work has ended, or was cancelled and will be repeated; the run no longer waits."""

    def finished(self, run: EventRun) -> None:
        """Handle that all output of the run is written: it is done, or failed if it has a fault."""


class Observers(Observer):
    """Calls several observers. An error in one is logged and affects neither the run nor the other observers."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        names = ("queued", "progressed", "waiting", "prepared", "finished")
        self._calls = {name: _methods(observers, name) for name in names}

    def queued(self, run: EventRun) -> None:
        self._call("queued", run)

    def progressed(self, run: EventRun, fraction: float) -> None:
        self._call("progressed", run, fraction)

    def waiting(self, run: EventRun, fault: Fault) -> None:
        self._call("waiting", run, fault)

    def prepared(self, run: EventRun) -> None:
        self._call("prepared", run)

    def finished(self, run: EventRun) -> None:
        self._call("finished", run)

    def _call(self, method: str, *arguments: Any) -> None:
        for call in self._calls[method]:
            try:
                call(*arguments)
            except Exception:
                log.exception("%s failed", call.__qualname__)


def _methods(observers: Sequence[Observer], name: str) -> list[Callable[..., None]]:
    """Return the observers' methods of a name, without those that are not overridden."""
    default = getattr(Observer, name)
    return [getattr(observer, name) for observer in observers if getattr(type(observer), name) is not default]


class StepLog(Observer):
    """Logs one line for each event and step."""

    def finished(self, run: EventRun) -> None:
        """Log the outcome of the run."""
        fields = {"step": run.step.name, "request_id": run.request.request_id, "seconds": round(run.seconds, 3)}
        if run.fault is None:
            log.info("step done", extra=fields | {"cached": run.completed_work is None})
        else:
            failure = {"reason": run.fault.reason, "dead_letter_id": run.dead_letter_id, "error": str(run.fault)}
            log.warning("step failed", extra=fields | failure)


class RunningRuns(Observer):
    """Tracks the runs whose work is queued or in progress."""

    def __init__(self) -> None:
        self._runs: dict[int, tuple[EventRun, datetime]] = {}

    def partitions(self) -> set[tuple[str, int]]:
        """Return the topics and partitions whose events are worked on."""
        return {(run.record.topic, run.record.partition) for run, _ in self._runs.values()}

    def longer_than(self, seconds: float) -> list[dict[str, str]]:
        """Return what runs for longer than this, as `what` and `since` (UTC)."""
        now = datetime.now(UTC)
        return [
            {"what": _place(run), "since": since.isoformat(timespec="seconds")}
            for run, since in self._runs.values()
            if (now - since).total_seconds() > seconds
        ]

    def queued(self, run: EventRun) -> None:
        """Add the run; a further attempt keeps its time."""
        self._runs.setdefault(id(run), (run, datetime.now(UTC)))

    def prepared(self, run: EventRun) -> None:
        """Remove the run."""
        self._runs.pop(id(run), None)


def _place(run: EventRun) -> str:
    record = run.record
    return f"{run.step.name}, {record.topic}[{record.partition}] at offset {record.offset}"


class WaitingRuns(Observer):
    """Tracks which runs wait, and for what; `/readyz` displays it."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[EventRun, str]] = {}

    def reasons(self) -> dict[str, str]:
        """Return why runs wait, by step; of several reasons the first in the alphabet."""
        return dict(sorted({(run.step.name, reason) for run, reason in self._waiting.values()}, reverse=True))

    def partitions(self) -> set[tuple[str, int]]:
        """Return the topics and partitions whose events wait."""
        return {(run.record.topic, run.record.partition) for run, _ in self._waiting.values()}

    def progressed(self, run: EventRun, fraction: float) -> None:
        """Remove the run if its work continues."""
        if fraction:  # 0 is the start of an attempt, which may have to wait again
            self._waiting.pop(id(run), None)

    def waiting(self, run: EventRun, fault: Fault) -> None:
        """Add the run, or replace its message."""
        self._waiting[id(run)] = run, str(fault)

    def prepared(self, run: EventRun) -> None:
        """Remove the run."""
        self._waiting.pop(id(run), None)
