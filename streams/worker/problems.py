"""What keeps a worker from its work: each problem with its reason and the time since when, for page and log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import NamedTuple

from streams.background import BackgroundTask

log = logging.getLogger(__name__)
_CHECK_INTERVAL_S = 2.0
_LOG_INTERVAL_S = 60.0


class Finding(NamedTuple):
    """What is stuck now, and why. `since`: if it is known."""

    what: str
    reason: str
    since: datetime | None = None


Source = Callable[[], Iterable[Finding]]


@dataclass
class Problem:
    """What is stuck, since when (UTC, whole seconds) and why."""

    what: str
    since: datetime
    reason: str
    next_log_at: float = 0.0

    def __str__(self) -> str:
        return f"{self.what}: {self.reason} (since {self.since:%Y-%m-%d %H:%M:%S} UTC)"

    def as_json(self) -> dict[str, str]:
        """Return the fields for the page."""
        return {"what": self.what, "since": self.since.isoformat(), "reason": self.reason}


class Problems(BackgroundTask):
    """The problems that the sources find. They are checked every 2 s, and logged: begin, once a minute, end."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._current: dict[str, Problem] = {}
        self._next_failure_log_at = 0.0

    def check(self) -> list[Problem]:
        """Ask the sources, log what has changed, and return the problems, the oldest first."""
        found = {finding.what: finding for finding in self._findings()}
        for what in [what for what in self._current if what not in found]:
            problem = self._current.pop(what)
            log.warning("no longer stuck: %s", problem)
        for finding in found.values():
            self._report(finding)
        return sorted(self._current.values(), key=lambda problem: problem.since)

    def _findings(self) -> Iterator[Finding]:
        for source in self._sources:
            try:
                yield from list(source())
            except Exception:  # noqa: BLE001 - a fault of the check is no fault of the work: the worker stays ready
                self._log_failed_check()

    def _log_failed_check(self) -> None:
        if monotonic() >= self._next_failure_log_at:
            self._next_failure_log_at = monotonic() + _LOG_INTERVAL_S
            log.exception("a check for problems failed: a bug in the program")

    def _report(self, finding: Finding) -> None:
        since = (finding.since or datetime.now(UTC)).replace(microsecond=0)
        problem = self._current.setdefault(finding.what, Problem(finding.what, since, finding.reason))
        problem.reason = finding.reason
        if monotonic() >= problem.next_log_at:
            problem.next_log_at = monotonic() + _LOG_INTERVAL_S
            log.warning("stuck: %s", problem)

    async def _run(self) -> None:
        while True:
            self.check()
            await asyncio.sleep(_CHECK_INTERVAL_S)


class Lasting:
    """A source of only those findings of another source that have lasted for a time."""

    def __init__(self, source: Source, seconds: float) -> None:
        self._source = source
        self._seconds = seconds
        self._first: dict[str, tuple[float, datetime]] = {}

    def __call__(self) -> list[Finding]:
        """Return the findings that have lasted, with the time of the first."""
        found = {finding.what: finding for finding in self._source()}
        now = (monotonic(), datetime.now(UTC))
        self._first = {what: self._first.get(what, now) for what in found}
        return [
            Finding(what, finding.reason, self._first[what][1])
            for what, finding in found.items()
            if now[0] - self._first[what][0] >= self._seconds
        ]
