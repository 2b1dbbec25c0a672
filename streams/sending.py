"""Sending records in order with a producer of `make_producer`: for redrive, replay and the client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from schemas.faults import Poison
from streams.envelope import Message
from streams.kafka_errors import permanent_fault


async def send_in_order(
    producer: Any,
    messages: Sequence[Message],
    turn: AbstractAsyncContextManager[object] | None = None,
) -> list[Poison | None]:
    """Send messages, each to its partition or that of its key, and wait for the broker.

    `turn`: a lock that callers share who send at the same time: aiokafka wakes all who wait for space in a batch, so
    that a thousand of them would take four times as long.
    Returns for each message None, or the fault of one that can never be sent; such a message keeps back no other.
    Raises aiokafka's errors of transport.
    """
    async with turn or nullcontext():
        started = [await _start(producer, message) for message in messages]
    if len(messages) == 1:  # without the task that `gather` makes of it
        return [await _finish(messages[0], started[0])]
    return await asyncio.gather(*[_finish(message, future) for message, future in zip(messages, started, strict=True)])


async def _start(producer: Any, message: Message) -> Awaitable[Any] | Poison:
    topic, key, value, headers, partition = message
    try:
        if key is None and value is None:  # aiokafka's `send` refuses it, and Kafka does not
            return await _start_batch(producer, message)
        started: Awaitable[Any] = await producer.send(topic, value, key=key, partition=partition, headers=headers)
    except Exception as error:  # noqa: BLE001 - an error of transport is raised again
        return _fault(error, topic)
    return started


async def _start_batch(producer: Any, message: Message) -> Awaitable[Any]:
    batch = producer.create_batch()
    batch.append(timestamp=None, key=message.key, value=message.value, headers=message.headers)
    partition = message.partition
    if partition is None:
        partition = min(await producer.partitions_for(message.topic))
    started: Awaitable[Any] = await producer.send_batch(batch, message.topic, partition=partition)
    return started


async def _finish(message: Message, started: Awaitable[Any] | Poison) -> Poison | None:
    if isinstance(started, Poison):
        return started
    try:
        await started
    except Exception as error:  # noqa: BLE001 - an error of transport is raised again
        return _fault(error, message.topic)
    return None


def _fault(error: Exception, topic: str) -> Poison:
    """Return the fault of a record that can never be sent. Raises all other errors unchanged."""
    fault = permanent_fault(error, topic)
    if fault is None:
        raise error
    return fault
