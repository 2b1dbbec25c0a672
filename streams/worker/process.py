"""A worker as a process of its own. Given its parent's process id it dies with that parent.

What it needs is imported while Kafka is still starting.
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

_KAFKA_WITHIN_S = 60.0


def kafka_address(settings: Settings, within_s: float = _KAFKA_WITHIN_S) -> str:
    """Where Kafka is: the one that was named, or the local one, waited for. Raises `Retryable` where none comes."""
    if settings.kafka is not None:
        return settings.kafka
    desk = ServiceFiles(settings.run_dir, "kafka")
    deadline = monotonic() + within_s
    while monotonic() < deadline:
        address = desk.read()
        if address is not None and desk.has_supervisor():
            return str(address["bootstrap"])
        sleep(0.03)
    raise Retryable(f"the local Kafka did not start within {within_s:.0f} s; see {desk.log}", reason="kafka")


def serve(settings: Settings) -> int:
    """Work until told to stop; the exit status says how it ended."""
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
