"""A worker in its own process.

Its modules are imported before it waits for Kafka, so that both start at the same time.
"""

from __future__ import annotations

import asyncio
import signal
from time import monotonic, sleep

from infra.kafka_connection import KafkaConnection, configured_kafka
from infra.settings import Settings
from schemas.faults import Retryable
from streams.local.service_files import ServiceFiles
from streams.local.service_process import INTERRUPTED
from streams.local.services import running_kafka
from streams.worker.build import build_worker

_KAFKA_TIMEOUT_S = 60.0


def await_kafka(settings: Settings, timeout_s: float = _KAFKA_TIMEOUT_S) -> KafkaConnection:
    """Return the configured Kafka, or wait for the local one. Raises: `Retryable` on a timeout."""
    configured = configured_kafka(settings)
    if configured is not None:
        return configured
    deadline = monotonic() + timeout_s
    while monotonic() < deadline:
        kafka = running_kafka(settings)
        if kafka is not None:
            return kafka
        sleep(0.03)
    raise Retryable(
        f"the local Kafka did not start within {timeout_s:.0f} s; see {ServiceFiles(settings.run_dir, 'kafka').log}",
        reason="kafka",
    )


def serve(settings: Settings) -> int:
    """Run a worker until it is stopped and return the exit status: 0, or 130 after Ctrl-C. Raises: `Fault`."""
    return asyncio.run(_work(settings, await_kafka(settings)))


async def _work(settings: Settings, kafka: KafkaConnection) -> int:
    stopped_by = await build_worker(settings, kafka).run()
    return INTERRUPTED if stopped_by == signal.SIGINT else 0
