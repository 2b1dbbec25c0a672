"""Findings of problems in the state of the Faust application and in the operations in progress."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from streams.stage.operations import Operations
from streams.worker.problems import Finding

STUCK_AFTER_S = 20.0  # no longer than that without progress; with the time between checks it is reported within 30 s
_SLOW_OPERATION_S = 10.0


def app_findings(app: Any, state: str) -> Iterator[Finding]:
    """Yield what a worker in this state ("starting" or "stopping", or none while it runs) is busy with but its work."""
    if state:
        yield Finding("the worker", f"it is still {state}")
    elif app.rebalancing:
        yield Finding("the consumer group", "its partitions are being assigned again")
    elif getattr(app, "in_recovery", False):
        yield Finding("the table of results", "it is read from its changelog")


def operation_findings(operations: Operations) -> Iterator[Finding]:
    """Yield the operations that take long."""
    for operation in operations.longer_than(_SLOW_OPERATION_S):
        yield Finding(operation.what, operation.reason, datetime.fromtimestamp(operation.since, UTC))
