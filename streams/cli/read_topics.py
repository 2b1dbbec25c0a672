"""Read stored records of topics; after 2 s, progress is displayed on standard error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TYPE_CHECKING, Self, TypeVar

from infra.kafka_connection import KafkaConnection
from infra.settings import Settings
from streams.cli.output import print_line
from streams.cli.terminal_display import TerminalDisplay
from streams.cli.wait_watch import WaitWatch, kafka_watch
from streams.local.services import local_kafka, running_worker

if TYPE_CHECKING:
    from streams.operations.topic_history import TopicHistory

T = TypeVar("T")
_DISPLAY_AFTER_S = 2.0
_LINE_INTERVAL_S = 5.0


def read_topics(settings: Settings, work: Callable[[TopicHistory], Awaitable[T]]) -> T:
    """Return the result of `work` on the topics of Kafka, which is started if none runs. No worker is needed."""
    with (
        local_kafka(settings, print_line) as kafka,
        kafka_watch(kafka, print_line) as watch,
        _ReadProgress(watch) as progress,
    ):
        return asyncio.run(_read(kafka, progress, work))


async def _read(kafka: KafkaConnection, progress: _ReadProgress, work: Callable[[TopicHistory], Awaitable[T]]) -> T:
    from streams.operations.topic_history import TopicHistory
    from streams.topics import specs
    from streams.worker.create_topics import ensure_topics

    await ensure_topics(kafka, specs())
    async with TopicHistory(kafka, progress.show) as history:
        return await work(history)


def warn_without_worker(settings: Settings) -> None:
    """Print a warning if no worker runs to process what was sent."""
    if running_worker(settings) is None:
        print_line("no worker runs here; the sent events wait for one (`bachata up`)")


class _ReadProgress(TerminalDisplay):
    """Displays the number of records read: a bar on a terminal, else a line every 5 s."""

    def __init__(self, watch: WaitWatch) -> None:
        self._watch = watch
        self._next_display = monotonic() + _DISPLAY_AFTER_S

    def __enter__(self) -> Self:
        return self  # the bar is opened when the reading takes long

    def show(self, done: int, total: int) -> None:
        """Display the number of records read: on a terminal at every call after 2 s, else at most every 5 s."""
        self._watch.progressed()
        if monotonic() < self._next_display:
            return
        if self.bars is None:
            self.open_bars()
        if self.bars is not None:
            self.bars.update("records", "records", done, total)
            return
        self._next_display = monotonic() + _LINE_INTERVAL_S
        print_line(f"{done} of {total} records")
