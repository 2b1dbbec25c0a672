"""Bars on a terminal, for work that takes long."""

from __future__ import annotations

from contextlib import suppress

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from schemas.safe_text import escaped


class ProgressBars:
    """Bars on standard error, each with a title; titles and lines are escaped. They vanish at the end.

    What cannot be written is left out: the terminal may be gone.
    """

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description:46}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
        )
        self._bars = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True)
        self._tasks: dict[str, TaskID] = {}
        with suppress(OSError):
            self._bars.start()

    def update(self, name: str, title: str, done: float, total: float = 1.0) -> None:
        """Show how much of the work is done, in the bar with this name; it is created if needed."""
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task("")
        self._bars.update(self._tasks[name], description=escaped(title), completed=done, total=total)

    def remove(self, name: str) -> None:
        """Remove a bar, if there is one with this name."""
        if name in self._tasks:
            self._bars.remove_task(self._tasks.pop(name))

    def print_line(self, line: str) -> None:
        """Print a line above the bars."""
        with suppress(OSError):
            self._bars.console.print(escaped(line), markup=False, highlight=False, emoji=False, soft_wrap=True)

    def stop(self) -> None:
        """Remove the bars."""
        with suppress(OSError):
            self._bars.stop()
