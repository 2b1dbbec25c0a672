"""What is known of a request: the last progress of each step, its outcome, and its result."""

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
    """A request as the messages on it tell."""

    steps: dict[str, Progress] = field(default_factory=dict)
    ended: RequestEnded | None = None
    result: Result | None = None

    def add(self, update: Update) -> None:
        """Take a message in."""
        if isinstance(update, Progress):
            self.steps[update.step] = update
        elif isinstance(update, RequestEnded):
            self.ended = update
        else:
            self.result = update

    @property
    def has_outcome(self) -> bool:
        """Return whether the outcome is known and, where the request is done, its result too."""
        return self.ended is not None and (self.result is not None or self.ended.outcome != "done")

    @property
    def has_last_progress(self) -> bool:
        """Return whether the step that ended the request has reported its end."""
        last = self._last_progress
        return last is not None and last.state in {"done", "failed"}

    @property
    def is_cached(self) -> bool:
        """Return whether the step that ended the request had its result already, as far as is known."""
        return self._last_progress is not None and self._last_progress.cached

    @property
    def _last_progress(self) -> Progress | None:
        return self.steps.get(self.ended.step) if self.ended else None

    @property
    def seconds(self) -> float:
        """Seconds of all steps that are done."""
        return sum(progress.seconds for progress in self.steps.values() if progress.state == "done")

    def costs(self) -> dict[str, dict[str, Any]]:
        """Return what each step that is done took, by step."""
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
