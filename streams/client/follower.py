"""Reads all partitions of some topics, also those that are added later."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from schemas.faults import Retryable
from streams.client.event_log import EventReader
from streams.envelope import Record

READ_S = 1.0
_PARTITIONS_INTERVAL_S = 10.0


class Follower:
    """Reads with a reader. A partition that is added later is read from its beginning."""

    def __init__(self, reader: EventReader) -> None:
        self._reader = reader
        self._followed: set[TopicPartition] = set()
        self._next_check_at = 0.0

    async def start(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Read from the offsets on, and each other partition from its beginning."""
        partitions = await self._reader.partitions()
        self._follow({tp: offsets.get(tp, 0) for tp in partitions})

    async def start_at_end(self) -> None:
        """Read what is published from now on."""
        bounds = await self._reader.bounds(await self._reader.partitions())
        self._follow({tp: end for tp, (_, end) in bounds.items()})

    async def read(self, timeout_s: float = READ_S) -> list[Record]:
        """Return the next records, none if none arrives within the seconds."""
        if monotonic() >= self._next_check_at:
            await self._follow_added()
        return await self._reader.read(timeout_s)

    async def _follow_added(self) -> None:
        self._next_check_at = monotonic() + _PARTITIONS_INTERVAL_S
        try:
            added = set(await self._reader.partitions()) - self._followed
        except (KafkaError, Retryable):
            return  # Kafka is away, perhaps for a moment: the reader itself waits for it
        if added:
            positions = {tp: await self._reader.position(tp) for tp in self._followed}
            self._follow(positions | dict.fromkeys(added, 0))

    def _follow(self, offsets: Mapping[TopicPartition, int]) -> None:
        self._reader.seek(offsets)
        self._followed = set(offsets)
        self._next_check_at = monotonic() + _PARTITIONS_INTERVAL_S
