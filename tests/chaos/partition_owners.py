"""Which worker has which partitions, as the consumer group's coordinator knows it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError

from streams.topics import APP_ID
from tests.chaos.cluster import Cluster, client_id

_LOOK_EVERY_S = 0.5


class PartitionOwners:
    """The partitions of `topic` by slot, as they were when the group was last stable."""

    def __init__(self, topic: str) -> None:
        self.partitions: dict[int, frozenset[int]] = {}
        self._topic = topic

    def slot_of(self, partition: int) -> int | None:
        """The slot whose worker has a partition, or None where nobody has it."""
        return next((slot for slot, owned in self.partitions.items() if partition in owned), None)

    async def look(self, admin: Any, rig: Cluster) -> None:
        """Ask the coordinator. A group in the middle of a rebalance changes nothing of what is known."""
        _, _, state, _, _, members, *_ = (await admin.describe_consumer_groups([APP_ID]))[0].groups[0]
        if state != "Stable":
            return
        found: dict[str, set[int]] = defaultdict(set)
        for _, name, *_, assignment in (member[:5] for member in members):
            found[name] |= self._partitions_in(assignment)
        self.partitions = {slot: frozenset(found[client_id(slot)]) for slot in rig.slots}

    def _partitions_in(self, assignment: bytes) -> set[int]:
        places = ConsumerProtocolMemberAssignment.decode(assignment).partitions() if assignment else []
        return {place.partition for place in places if place.topic == self._topic}


@asynccontextmanager
async def watching_owners(rig: Cluster, topic: str) -> AsyncIterator[PartitionOwners]:
    """Owners that are kept up to date while the context lasts."""
    owners = PartitionOwners(topic)
    task = asyncio.create_task(_keep(owners, rig))
    try:
        yield owners
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _keep(owners: PartitionOwners, rig: Cluster) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=rig.bootstrap)
    await admin.start()
    try:
        while True:
            with suppress(KafkaError):  # the coordinator may be away for a moment
                await owners.look(admin, rig)
            await asyncio.sleep(_LOOK_EVERY_S)
    finally:
        await admin.close()
