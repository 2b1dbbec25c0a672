"""What the client needs of Kafka: two protocols, so that the fake in memory runs the same client."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from aiokafka import TopicPartition

from schemas.faults import Poison
from streams.envelope import Message, Record
from streams.log_position import Position


class EventReader(Protocol):
    """Reads partitions of topics. It waits while Kafka is away, once it reads a partition."""

    async def partitions(self) -> list[TopicPartition]:
        """Return all partitions that the topics have now. Raises: `Retryable` (`kafka`) if a topic is missing."""

    async def bounds(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """Return the first offset of each partition and the one after its last."""

    async def offset_at(self, partition: TopicPartition, timestamp_ms: int) -> int | None:
        """Return the offset of the first record from a time on, milliseconds since 1970, or None."""

    async def end_positions(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Position]:
        """Return the positions after the last records."""

    async def checked(self, positions: Mapping[TopicPartition, Position]) -> dict[TopicPartition, Position]:
        """Return from where to read on. Raises: `LogChangedError` where a partition has another log."""

    def may_have_changed(self) -> bool:
        """Return whether the logs may be others since the last call, since Kafka was connected again."""

    def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Read these partitions, and no others, from these offsets."""

    async def position(self, partition: TopicPartition) -> int:
        """Return the offset that is read next."""

    async def read(self, timeout_s: float) -> list[Record]:
        """Return the next records, in order within a partition; none if none arrives within the seconds."""


class EventLog(Protocol):
    """Topics that can be written and read."""

    async def start(self) -> None:
        """Connect. Raises: `Retryable` (`kafka`) if no broker answers."""

    async def stop(self) -> None:
        """Disconnect."""

    async def publish(self, messages: Sequence[Message]) -> list[Poison | None]:
        """Write messages and wait for the acknowledgements; return for each None, or why it can never be written."""

    def reader(self, topics: Collection[str]) -> AbstractAsyncContextManager[EventReader]:
        """Return a context that yields a reader of the topics."""
