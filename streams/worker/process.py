"""A worker in its own process.

Its modules are imported before it waits for Kafka, so that both start at the same time.
"""

from __future__ import annotations

import asyncio
import sys
from time import monotonic, sleep

from infra.logs import set_up_logs
from infra.settings import Settings
from schemas.faults import Fault, Retryable
from streams.local.service_files import ServiceFiles
from streams.worker.build import build_worker

_KAFKA_TIMEOUT_S = 60.0


def kafka_address(settings: Settings, timeout_s: float = _KAFKA_TIMEOUT_S) -> str:
    """Return the address of the configured Kafka, or wait for the local one. Raises: `Retryable` on a timeout."""
    if settings.kafka is not None:
        return settings.kafka
    kafka_files = ServiceFiles(settings.run_dir, "kafka")
    deadline = monotonic() + timeout_s
    while monotonic() < deadline:
        address = kafka_files.read()
        if address is not None and kafka_files.has_supervisor():
            return str(address["bootstrap"])
        sleep(0.03)
    raise Retryable(f"the local Kafka did not start within {timeout_s:.0f} s; see {kafka_files.log}", reason="kafka")


def serve(settings: Settings) -> int:
    """Run a worker until it is stopped; return the exit status: 0, or 1 after a fault, which is printed."""
    set_up_logs()
    try:
        bootstrap = kafka_address(settings)
        asyncio.run(_work(settings, bootstrap))
    except Fault as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 1
    return 0


async def _work(settings: Settings, bootstrap: str) -> None:
    await build_worker(settings, bootstrap).run()
