"""Print what a command waits for: where there is no progress, it queries the worker or Kafka every 2 s."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic

from infra.kafka_check import check_kafka
from infra.kafka_connection import KafkaConnection
from infra.settings import Settings
from schemas.faults import Retryable
from streams.local.library import wait_for_library
from streams.local.services import Endpoint, waits_for

_QUIET_S = 5.0  # without progress; work of a step mostly reports more often
_INTERVAL_S = 2.0
_ANSWER_S = 2.0  # Kafka answers within milliseconds


class WaitWatch:
    """Prints each thing that is waited for once, and when nothing is waited for any more, while the context lasts.

    `waits_for` returns what is waited for now, a line for each. It is called on a thread that nobody waits for, so that
    a worker's page that does not answer delays neither the outcome nor Ctrl-C.
    """

    def __init__(self, waits_for: Callable[[], Sequence[str]], print_line: Callable[[str], None]) -> None:
        self._waits_for = waits_for
        self._print_line = print_line
        self._progressed_at = monotonic()
        self._displayed: set[str] = set()
        self._ended = threading.Event()

    def __enter__(self) -> WaitWatch:
        threading.Thread(target=self._run, name="wait-watch", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def progressed(self) -> None:
        """Note that there was progress: nothing is queried for the next seconds."""
        self._progressed_at = monotonic()

    def _run(self) -> None:
        while not self._ended.wait(_INTERVAL_S):
            if self._displayed or monotonic() - self._progressed_at >= _QUIET_S:
                self._display(self._waits_for())

    def _display(self, waits: Sequence[str]) -> None:
        if self._ended.is_set():
            return
        for wait in waits:
            if wait not in self._displayed:
                self._print_line(f"waiting: {wait}")
        if self._displayed and not waits:
            self._print_line("no longer waiting")
        self._displayed = self._displayed | set(waits) if waits else set()


def kafka_watch(kafka: KafkaConnection, print_line: Callable[[str], None]) -> WaitWatch:
    """Return a watch that says when Kafka does not answer, for a command that works with Kafka itself."""
    return WaitWatch(partial(_waits_for_kafka, kafka), print_line)


def wait_for_complete_library(settings: Settings, endpoint: Endpoint, print_line: Callable[[str], None]) -> None:
    """Return when the worker has read all that is published; a line says what it waits for. Raises: `Retryable`."""
    with WaitWatch(partial(waits_for, settings), print_line):
        wait_for_library(endpoint)


def _waits_for_kafka(kafka: KafkaConnection) -> list[str]:
    try:
        asyncio.run(_check_within(kafka, _ANSWER_S))
    except (Retryable, TimeoutError):
        return [f"Kafka at {kafka} does not answer"]
    return []


async def _check_within(kafka: KafkaConnection, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        await check_kafka(kafka)
