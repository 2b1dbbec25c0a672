"""Delete the records between the steps that are old and that every step has processed.

Kafka itself deletes records by their age, also those that a worker which was away for weeks has not read. So its own
retention is off for these topics. All steps are members of one consumer group: what it has committed, every step has
processed. The age counts from the newest record that was processed, so no clock of a worker can be wrong.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.errors import KafkaError

from infra.kafka_connection import KafkaConnection
from streams.background import BackgroundTask
from streams.kafka import admin_of, make_consumer
from streams.log_position import Position
from streams.topics import APP_ID, DAY_MS, TOPICS, Topic

log = logging.getLogger(__name__)
_FIRST_S, _INTERVAL_S = 300.0, 3600.0


class Retention(BackgroundTask):
    """Deletes what `delete_processed` deletes, every hour."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self._kafka = kafka

    async def _run(self) -> None:
        await asyncio.sleep(_FIRST_S)
        while True:
            try:
                await delete_processed(self._kafka)
            except Exception as error:  # noqa: BLE001 - it is tried again, and the events do not depend on it
                log.warning("processed records could not be deleted: %r", error)
            await asyncio.sleep(_INTERVAL_S)


async def delete_processed(
    kafka: KafkaConnection, topics: Sequence[Topic] = TOPICS, group: str = APP_ID
) -> Mapping[TopicPartition, int]:
    """Delete the records of topics between steps that are processed and older than the topic's days.

    Return the offsets before which records were deleted. Raises aiokafka's errors.
    """
    consumer = make_consumer(kafka)
    try:
        await consumer.start()
        async with admin_of(kafka) as admin:
            commits = await admin.list_consumer_group_offsets(group)
            positions = {tp: position for tp, commit in commits.items() if (position := Position.of_commit(commit))}
            before = await _processed_and_old(consumer, positions, topics)
            if before:
                await admin.delete_records({tp: RecordsToDelete(offset) for tp, offset in before.items()})
    finally:
        with suppress(KafkaError):
            await consumer.stop()
    if before:
        log.info("processed records are deleted: %s", {f"{tp.topic}[{tp.partition}]": o for tp, o in before.items()})
    return before


async def _processed_and_old(
    consumer: Any, positions: Mapping[TopicPartition, Position], topics: Sequence[Topic]
) -> dict[TopicPartition, int]:
    """Return for each partition the offset before which all records are processed and old, if there are any."""
    now_ms = max((mark.timestamp_ms or 0 for position in positions.values() for mark in position.marks), default=0)
    days = {topic.full_name: topic.retention_days or 0 for topic in topics if topic.between_steps}
    oldest_ms = {tp: now_ms - days[tp.topic] * DAY_MS for tp in positions if tp.topic in days}
    if not oldest_ms or min(oldest_ms.values()) < 0:
        return {}
    starts = await consumer.beginning_offsets(list(oldest_ms))
    young = await consumer.offsets_for_times(dict(oldest_ms))
    before = {
        tp: min(positions[tp].offset, young[tp].offset if young[tp] else positions[tp].offset) for tp in oldest_ms
    }
    return {tp: offset for tp, offset in before.items() if offset > starts[tp]}
