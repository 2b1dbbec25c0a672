"""The state of a request: the last progress of each step, its outcome and its result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from schemas.move_indexed import MoveIndexed
from schemas.progress import Progress
from schemas.rendered import Rendered
from schemas.request_ended import RequestEnded

Result = Rendered | MoveIndexed
Update = Progress | RequestEnded | Result


@dataclass
class RequestResult:
    """The state of a request, from the messages received on it."""

    steps: dict[str, Progress] = field(default_factory=dict)
    ended: RequestEnded | None = None
    result: Result | None = None

    def add(self, update: Update) -> None:
        """Update the state with a message."""
        if isinstance(update, Progress):
            self.steps[update.step] = update
        elif isinstance(update, RequestEnded):
            self.ended = update
        else:
            self.result = update

    @property
    def has_outcome(self) -> bool:
        """Return whether the outcome is known and, if it is `done`, the result too."""
        return self.ended is not None and (self.result is not None or self.ended.outcome != "done")

    @property
    def has_last_progress(self) -> bool:
        """Return whether the step that ended the request has reported `done` or `failed`."""
        last = self._last_progress
        return last is not None and last.state in {"done", "failed"}

    @property
    def is_cached(self) -> bool:
        """Return whether the step that ended the request used a cached result; False if its progress was dropped."""
        return self._last_progress is not None and self._last_progress.cached

    @property
    def _last_progress(self) -> Progress | None:
        return self.steps.get(self.ended.step) if self.ended else None

    @property
    def seconds(self) -> float:
        """Return the total seconds of all steps that are done."""
        return sum(progress.seconds for progress in self.steps.values() if progress.state == "done")

    def costs(self) -> dict[str, dict[str, Any]]:
        """Return seconds, CPU seconds, peak memory in bytes and `cached` of each step that is done, by step."""
        return {
            name: {
                "seconds": round(progress.seconds, 4),
                "cpu_seconds": round(progress.cpu_seconds, 4),
                "peak_rss_bytes": progress.peak_rss_bytes,
                "cached": progress.cached,
            }
            for name, progress in self.steps.items()
            if progress.state == "done"
        }
