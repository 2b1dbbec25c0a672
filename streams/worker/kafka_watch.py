"""Notice that Kafka does not answer, or that a partition has no leader: reading from it then ends without an error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from streams.background import BackgroundTask
from streams.kafka_errors import describe
from streams.worker.problems import Finding

_INTERVAL_S = 5.0
_TIMEOUT_S = 8.0


class KafkaWatch(BackgroundTask):
    """Asks Kafka for the leaders of the partitions of `topics` every 5 s; `fetch_metadata` returns the cluster's."""

    def __init__(self, address: str, topics: Sequence[str], fetch_metadata: Callable[[], Awaitable[Any]]) -> None:
        self._address = address
        self._topics = topics
        self._fetch_metadata = fetch_metadata
        self._findings: list[Finding] = []

    def findings(self) -> list[Finding]:
        """Return what the last answer, or its absence, says."""
        return self._findings

    async def _run(self) -> None:
        while True:
            self._findings = await self._check()
            await asyncio.sleep(_INTERVAL_S)

    async def _check(self) -> list[Finding]:
        name = f"Kafka at {self._address}"
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                cluster = await self._fetch_metadata()
        except TimeoutError:
            return [Finding(name, f"it has not answered within {_TIMEOUT_S:.0f} s")]
        except Exception as error:  # noqa: BLE001 - any error means that it cannot be used
            return [Finding(name, f"it does not answer: {describe(error)}")]
        return [finding for topic in self._topics for finding in _topic_findings(cluster, topic)]


def _topic_findings(cluster: Any, topic: str) -> list[Finding]:
    numbers = cluster.partitions_for_topic(topic)
    if not numbers:
        return [
            Finding(topic, "the topic does not exist, or this user may not see it; a worker that starts creates it")
        ]
    leaderless = sorted(set(numbers) - set(cluster.available_partitions_for_topic(topic) or ()))
    if not leaderless:
        return []
    listed = ", ".join(map(str, leaderless))
    return [Finding(topic, f"no broker leads its partitions {listed}: their brokers are away")]
