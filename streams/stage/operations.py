"""The writes and waits in progress: one that lasts long is stuck, whether it fails again and again or never returns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, time

NO_ANSWER = "no answer yet"


@dataclass
class Operation:
    """A write or wait in progress.

    `partition`: the topic and partition whose events wait for it; `reason`: the last error, or that there is none yet;
    `since`: seconds since 1970.
    """

    what: str
    partition: tuple[str, int] | None = None
    reason: str = NO_ANSWER
    since: float = field(default_factory=time)
    started: float = field(default_factory=monotonic)


class Operations:
    """The operations in progress."""

    def __init__(self) -> None:
        self._running: dict[int, Operation] = {}

    @contextmanager
    def start(self, what: str, partition: tuple[str, int] | None = None) -> Iterator[Operation]:
        """Yield a new operation, which is in progress until the context ends."""
        operation = Operation(what, partition)
        self._running[id(operation)] = operation
        try:
            yield operation
        finally:
            del self._running[id(operation)]

    def partitions(self) -> set[tuple[str, int]]:
        """Return the topics and partitions whose events wait for an operation."""
        return {operation.partition for operation in self._running.values() if operation.partition is not None}

    def longer_than(self, seconds: float) -> list[Operation]:
        """Return the operations that are in progress for longer than this, in the order of their start."""
        now = monotonic()
        return [operation for operation in self._running.values() if now - operation.started > seconds]
