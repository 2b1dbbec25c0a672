"""Decisions on requests: written to an internal topic, and read back by every worker in the same order.

All records of a request are in one partition, whatever partitions are added to the topic. A decision counts when the
worker has read it: an open transaction of another program can keep it back for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from schemas.faults import Poison
from streams.envelope import Message
from streams.kafka import partition_of_key
from streams.stage.delivery import Publisher, UpToDate
from streams.stage.operations import Operations
from streams.stage.retry import retry_forever
from streams.topics import PARTITIONS, REQUEST_DECISIONS
from streams.views.control_store import ControlStore

Place = tuple[str, int]  # a topic and the number of a partition


class DecisionPublisher(Publisher, Protocol):
    """Publishes messages, and appends records to a partition."""

    async def append(self, topic: str, partition: int, items: Mapping[bytes, bytes]) -> object:
        """Return when the broker has acknowledged the records. Raises: as `publish`."""


class ControlView(UpToDate, Protocol):
    """The view of the decisions."""

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when a condition on the view holds."""


@dataclass(frozen=True)
class Decisions:
    """Writes decisions and reads them back. `place`: the partition whose events wait for it."""

    store: ControlStore
    view: ControlView
    publisher: DecisionPublisher
    operations: Operations

    async def decide(self, actions: Mapping[str, bytes], what: str, place: Place | None = None) -> None:
        """Write an action for each request."""
        by_partition: dict[int, dict[bytes, bytes]] = {}
        for request_id, action in actions.items():
            key = request_id.encode()
            by_partition.setdefault(partition_of_key(key, PARTITIONS), {})[key] = action

        async def write() -> None:
            append = self.publisher.append
            await asyncio.gather(*[append(REQUEST_DECISIONS, number, items) for number, items in by_partition.items()])

        with self.operations.start(f"{what}: writing a decision", place) as operation:
            await retry_forever(write, operation)

    async def until_decided(self, request_ids: Collection[str], what: str, place: Place | None = None) -> None:
        """Return when it is read how each of the requests ends, after decisions were written."""
        with self.operations.start(f"{what}: reading a decision", place):
            await self.view.until(lambda: all(map(self.store.is_decided, request_ids)))

    async def caught_up(self, what: str, place: Place | None = None) -> None:
        """Return when all is read that was published before the call."""
        with self.operations.start(f"{what}: the view 'controls' catches up", place) as operation:
            await retry_forever(self.view.caught_up, operation)

    async def publish(self, what: str, place: Place | None, *messages: Message) -> None:
        """Publish messages. Raises: `Poison` if one can never be sent."""
        if not messages:
            return
        with self.operations.start(f"{what}: publishing", place) as operation:
            await retry_forever(lambda: self.publisher.publish(*messages), operation, reraise=(Poison,))
