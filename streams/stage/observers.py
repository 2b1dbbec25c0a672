"""Observers of runs: an observer sees each event's run through a step, and changes nothing of it.

Progress messages, the log and the page's health are observers; metrics and traces can be others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from schemas.faults import Fault
from streams.stage.event_run import EventRun

log = logging.getLogger("streams.steps")


class Observer:
    """Sees what happens to a run. Each method does nothing unless a subclass says what; none may block."""

    def progressed(self, run: EventRun, fraction: float) -> None:
        """The work has begun (0) or is so far, 0-1."""

    def waiting(self, run: EventRun, fault: Fault) -> None:
        """The run waits for something that is not there; told again for as long as it waits."""

    def prepared(self, run: EventRun) -> None:
        """The work is over, or was cancelled and comes again; the run waits for nothing any more."""

    def finished(self, run: EventRun) -> None:
        """All that the run leads to is written: it is done, or failed where it has a fault."""


class Observers(Observer):
    """Several observers as one. An observer that raises is logged, and hinders neither the run nor the others."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._calls = {name: _methods(observers, name) for name in ("progressed", "waiting", "prepared", "finished")}

    def progressed(self, run: EventRun, fraction: float) -> None:
        """Tell all."""
        self._call("progressed", run, fraction)

    def waiting(self, run: EventRun, fault: Fault) -> None:
        """Tell all."""
        self._call("waiting", run, fault)

    def prepared(self, run: EventRun) -> None:
        """Tell all."""
        self._call("prepared", run)

    def finished(self, run: EventRun) -> None:
        """Tell all."""
        self._call("finished", run)

    def _call(self, method: str, *arguments: Any) -> None:
        for call in self._calls[method]:
            try:
                call(*arguments)
            except Exception:
                log.exception("%s failed", call.__qualname__)


def _methods(observers: Sequence[Observer], name: str) -> list[Callable[..., None]]:
    """Return the observers' methods of a name, without those that do nothing."""
    nothing = getattr(Observer, name)
    return [getattr(observer, name) for observer in observers if getattr(type(observer), name) is not nothing]


class StepLog(Observer):
    """Logs one line for each event and step."""

    def finished(self, run: EventRun) -> None:
        """Log what the run came to."""
        fields = {"step": run.step.name, "request_id": run.request.request_id, "seconds": round(run.seconds, 3)}
        if run.fault is None:
            log.info("step done", extra=fields | {"cached": run.done is None})
        else:
            failure = {"reason": run.fault.reason, "dead_letter_id": run.letter_id, "error": str(run.fault)}
            log.warning("step failed", extra=fields | failure)


class WaitingRuns(Observer):
    """Knows which runs wait, and for what: `/readyz` shows it."""

    def __init__(self) -> None:
        self._waiting: dict[int, str] = {}

    def messages(self) -> list[str]:
        """Return what runs wait for, each message once."""
        return sorted(set(self._waiting.values()))

    def progressed(self, run: EventRun, fraction: float) -> None:
        """The work goes on; that an attempt begins is no news of what it waits for."""
        if fraction:
            self._waiting.pop(id(run), None)

    def waiting(self, run: EventRun, fault: Fault) -> None:
        """The run waits."""
        self._waiting[id(run)] = f"{run.step.name} waits: {fault}"

    def prepared(self, run: EventRun) -> None:
        """The run waits no more."""
        self._waiting.pop(id(run), None)
