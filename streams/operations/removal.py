"""Remove moves from the library: a record without a value, whose key is the clip, replaces the one of its move."""

from __future__ import annotations

from collections.abc import Sequence

from infra.kafka_connection import KafkaConnection
from streams.envelope import event_headers
from streams.ids import event_id, new_request_id
from streams.operations.topic_history import producer_of
from streams.topics import MOVE_INDEXED


async def remove_moves(kafka: KafkaConnection, clips: Sequence[str]) -> None:
    """Publish the removal of the moves of these clips, named by their sha256; each worker applies it when it reads it.

    Raises: `Retryable` (`kafka`).
    """
    async with producer_of(kafka) as producer:
        for clip in clips:
            request_id = new_request_id()
            headers = event_headers(MOVE_INDEXED, "/command-line", event_id("removed", request_id), request_id)
            await producer.send_and_wait(MOVE_INDEXED.full_name, None, key=clip.encode(), headers=headers)
