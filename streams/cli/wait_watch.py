"""Say what a request waits for: a worker that makes no progress is asked every 2 s what holds it back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic

from streams.background import BackgroundTask

_QUIET_S = 5.0  # without progress; work of a step mostly reports more often
_INTERVAL_S = 2.0


class WaitWatch(BackgroundTask):
    """Prints each thing that is waited for once, and when nothing is waited for any more.

    `waits_for` returns what is waited for now, a line for each; it is called on a thread.
    """

    def __init__(self, waits_for: Callable[[], Sequence[str]], print_line: Callable[[str], None]) -> None:
        self._waits_for = waits_for
        self._print_line = print_line
        self._progressed_at = monotonic()
        self._displayed: set[str] = set()

    def progressed(self) -> None:
        """Note that there was progress: nothing is asked for the next seconds."""
        self._progressed_at = monotonic()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL_S)
            if self._displayed or monotonic() - self._progressed_at >= _QUIET_S:
                self._display(await asyncio.to_thread(self._waits_for))

    def _display(self, waits: Sequence[str]) -> None:
        for wait in waits:
            if wait not in self._displayed:
                self._print_line(f"waiting: {wait}")
        if self._displayed and not waits:
            self._print_line("no longer waiting")
        self._displayed = self._displayed | set(waits) if waits else set()
