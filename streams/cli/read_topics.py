"""Reading what the topics keep, with a word on standard error where it takes longer than a person waits gladly."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from infra.settings import Settings
from streams.cli.output import print_line
from streams.local.services import local_kafka, running_worker

if TYPE_CHECKING:
    from streams.operations.topic_history import TopicHistory

T = TypeVar("T")
_QUIET_S = 2.0
_LINE_EVERY_S = 5.0


def read_topics(settings: Settings, work: Callable[[TopicHistory], Awaitable[T]]) -> T:
    """Do the work on Kafka, which is started for it where none runs. No worker is needed."""
    with local_kafka(settings, print_line) as bootstrap, _Gauge() as gauge:
        return asyncio.run(_read(bootstrap, gauge, work))


async def _read(bootstrap: str, gauge: _Gauge, work: Callable[[TopicHistory], Awaitable[T]]) -> T:
    from streams.operations.topic_history import TopicHistory
    from streams.topics import specs
    from streams.worker.create_topics import ensure_topics

    await ensure_topics(bootstrap, specs())
    async with TopicHistory(bootstrap, gauge.show) as history:
        return await work(history)


def warn_without_worker(settings: Settings) -> None:
    """Say so where what was sent finds no worker."""
    if running_worker(settings) is None:
        print_line("no worker runs here; what was sent waits for one (`bachata up`)")


class _Gauge:
    """A bar on a terminal, else a line now and then."""

    def __init__(self) -> None:
        self._next = monotonic() + _QUIET_S
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> _Gauge:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int, total: int) -> None:
        """Show how many records are read, if it is time to."""
        if monotonic() < self._next:
            return
        if sys.stderr.isatty():
            self._show_bar(done, total)
            return
        self._next = monotonic() + _LINE_EVERY_S
        print_line(f"{done} of {total} records")

    def _show_bar(self, done: int, total: int) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("records", total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total)
