"""Notice that partitions were added to a topic, so that the worker starts again and works on all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from schemas.faults import Retryable

_INTERVAL_S = 10.0

Partitions = Callable[[], Awaitable[Sequence[TopicPartition]]]


async def partitions_added(partitions: Partitions, interval_s: float = _INTERVAL_S) -> str:
    """Return a message when there are more partitions than at first. Faults of the broker are waited for."""
    before = await _known(partitions, interval_s)
    while not (added := (now := await _known(partitions, interval_s)) - before):
        before = now
        await asyncio.sleep(interval_s)
    return f"partitions were added to {', '.join(sorted({tp.topic for tp in added}))}: the worker starts again"


async def _known(partitions: Partitions, interval_s: float) -> frozenset[TopicPartition]:
    while True:
        try:
            return frozenset(await partitions())
        except (KafkaError, Retryable):
            await asyncio.sleep(interval_s)
