"""Following requests to their outcome, with a line or a bar for each step."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from schemas.move_submitted import MoveSubmitted
from schemas.progress import Progress
from schemas.song_submitted import SongSubmitted
from streams.cli.output import tell
from streams.client.client import Client, Said
from streams.local.services import Endpoint


@dataclass
class Heard:
    """All that was said of one request: each step's last word, the outcome, and the result."""

    steps: dict[str, Progress] = field(default_factory=dict)
    outcome: Progress | None = None
    result: Said | None = None

    def stages(self) -> dict[str, Any]:
        """What each step cost."""
        return {
            name: {
                "seconds": round(said.seconds, 4),
                "cpu_seconds": round(said.cpu_seconds, 4),
                "peak_rss_bytes": said.peak_rss_bytes,
                "cached": said.cached,
            }
            for name, said in self.steps.items()
            if said.state == "done"
        }

    def note(self, said: Said) -> None:
        """Take a word in."""
        if not isinstance(said, Progress):
            self.result = said
            return
        self.steps[said.step] = said
        self.outcome = said if said.outcome else self.outcome


async def follow(endpoint: Endpoint, requests: Sequence[SongSubmitted | MoveSubmitted]) -> dict[str, Heard]:
    """Submit the requests and wait for the outcome of each. Nothing is shown on standard output."""
    heard = {str(request.request_id): Heard() for request in requests}
    async with Client(endpoint.bootstrap, source="/command-line") as client:
        with _Display(total=len(requests)) as display:
            for request in requests:
                await client.submit(request)
            async for said in client.follow(list(heard)):
                heard[said.request_id].note(said)
                if isinstance(said, Progress):
                    display.show(said)
    return heard


class _Display:
    """A bar for each request on a terminal, else a line for each finished step."""

    def __init__(self, total: int) -> None:
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}
        self._finished = 0
        self._total = total

    def __enter__(self) -> _Display:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (
                TextColumn("{task.description:46}", markup=False),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f}%"),
            )
            self._bars = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True)
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def show(self, said: Progress) -> None:
        """Show a word."""
        if said.state == "waiting":
            self._print(f"{said.subject[:40]}: {said.step.replace('_', ' ')} waits: {said.reason}")
        elif self._bars is not None:
            self._show_bar(said)
        elif said.state in {"done", "failed"}:
            self._show_line(said)

    def _show_bar(self, said: Progress) -> None:
        title = f"{said.subject[:26]}: {said.step.replace('_', ' ')}"
        if said.request_id not in self._tasks:
            self._tasks[said.request_id] = self._bars.add_task(title, total=1.0)
        task = self._tasks[said.request_id]
        self._bars.update(task, description=title, completed=said.fraction)
        if said.outcome and self._total > 1:
            self._finished += 1
            self._bars.remove_task(task)
            self._print(self._line(said))

    def _show_line(self, said: Progress) -> None:
        self._finished += bool(said.outcome)
        self._print(self._line(said))

    def _print(self, line: str) -> None:
        if self._bars is not None:
            self._bars.console.print(line, markup=False)
        else:
            tell(line)

    def _line(self, said: Progress) -> str:
        count = f"[{self._finished}/{self._total}] " if self._total > 1 else ""
        how = said.error or ("known already" if said.cached else f"{said.seconds:.2f} s")
        return f"{count}{said.subject[:40]}: {said.step.replace('_', ' ')}: {how}"
