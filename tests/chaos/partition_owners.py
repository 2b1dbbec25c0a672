"""Track which worker owns which partitions, as reported by the consumer group's coordinator."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError

from streams.kafka import admin_of
from streams.topics import APP_ID
from tests.chaos.cluster import Cluster, client_id

_POLL_INTERVAL_S = 0.5


class PartitionOwners:
    """The partitions of `topic` by slot, as they were when the group was last stable."""

    def __init__(self, topic: str) -> None:
        self.partitions: dict[int, frozenset[int]] = {}
        self._topic = topic

    def slot_of(self, partition: int) -> int | None:
        """Return the slot whose worker owns a partition, or None if none does."""
        return next((slot for slot, owned in self.partitions.items() if partition in owned), None)

    async def update(self, admin: Any, cluster: Cluster) -> None:
        """Read the owners from the coordinator; during a rebalance the last known owners remain."""
        _, _, state, _, _, members, *_ = (await admin.describe_consumer_groups([APP_ID]))[0].groups[0]
        if state != "Stable":
            return
        found: dict[str, set[int]] = defaultdict(set)
        for _, name, *_, assignment in (member[:5] for member in members):
            found[name] |= self._partitions_in(assignment)
        self.partitions = {slot: frozenset(found[client_id(slot)]) for slot in cluster.slots}

    def _partitions_in(self, assignment: bytes) -> set[int]:
        partitions = ConsumerProtocolMemberAssignment.decode(assignment).partitions() if assignment else []
        return {partition.partition for partition in partitions if partition.topic == self._topic}


@asynccontextmanager
async def watching_owners(cluster: Cluster, topic: str) -> AsyncIterator[PartitionOwners]:
    """Yield owners that are updated while the context lasts."""
    owners = PartitionOwners(topic)
    task = asyncio.create_task(_keep_updated(owners, cluster))
    try:
        yield owners
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _keep_updated(owners: PartitionOwners, cluster: Cluster) -> None:
    async with admin_of(cluster.kafka) as admin:
        while True:
            with suppress(KafkaError):  # the coordinator may be unavailable for a short time
                await owners.update(admin, cluster)
            await asyncio.sleep(_POLL_INTERVAL_S)
