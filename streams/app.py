"""The Faust application: tables, and one agent for each stage, in order within a partition and acked by hand.

Faust would ack an event in a `finally`, also when its agent is cancelled in the middle of it; so automatic acks are
off and an event is acked only when its stage has taken it all the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import faust
from aiokafka.errors import MessageSizeTooLargeError

from schemas.faults import Poison
from streams.envelope import Headers, Record, as_headers
from streams.topics import APP_ID, MAX_LETTER_BYTES, MAX_MESSAGE_BYTES, PARTITIONS

_ROCKSDB_OPTIONS = {
    "driver": "rocksdict",
    "block_cache_size": 32 << 20,
    "write_buffer_size": 8 << 20,
    "max_write_buffer_number": 2,
}

Handler = Callable[[Record], Awaitable[None]]


def make_app(bootstrap: str, folder: Path) -> faust.App:
    """An application whose tables lie below `folder`. Its web server, leader topic and topic creation are off."""
    return faust.App(
        APP_ID,
        broker=[f"kafka://{address}" for address in bootstrap.split(",")],
        store="rocksdb://",
        datadir=folder,
        web_enabled=False,
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=1,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=MAX_MESSAGE_BYTES,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=1.0,
        broker_rebalance_timeout=20.0,
        broker_max_poll_interval=3600.0,
        broker_max_poll_records=64,
        broker_commit_interval=1.0,
        broker_request_timeout=30.0,
        stream_processing_timeout=3600.0,
        stream_wait_empty=False,
        stream_buffer_maxsize=64,
        producer_max_request_size=MAX_LETTER_BYTES,
        producer_max_batch_size=128 * 1024,
        worker_redirect_stdouts=False,
    )


class TableResults:
    """A memory: a Faust table of bytes, in RocksDB, with a compacted changelog."""

    def __init__(self, app: faust.App, name: str) -> None:
        self.table = app.Table(
            name, partitions=PARTITIONS, options=dict(_ROCKSDB_OPTIONS), key_type=bytes, value_type=bytes
        )

    def get(self, key: str) -> str | None:
        """What is remembered under `key`, seen from the partition of the event at hand."""
        value = self.table.get(key.encode())
        return None if value is None else bytes(value).decode()

    def put(self, key: str, value: str) -> None:
        """Remember; only within the handling of an event."""
        self.table[key.encode()] = value.encode()


class FaustPublisher:
    """Publishing that returns when the broker has the record."""

    def __init__(self, app: faust.App) -> None:
        self._app = app
        self._topics: dict[str, Any] = {}

    async def publish(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Send and wait for all in-sync replicas. Raises `Poison` for what is too large."""
        if topic not in self._topics:
            self._topics[topic] = _raw_topic(self._app, topic)
        try:
            await (await self._topics[topic].send(key=key, value=value, headers=headers))
        except MessageSizeTooLargeError as error:
            raise Poison(f"an event of {len(value or b'')} bytes is too large for {topic}", "too_large") from error


def add_agent(app: faust.App, name: str, topic: str, handle: Handler) -> None:
    """Read `topic` with `handle`: partitions side by side, one event at a time in each."""

    async def agent(stream: Any) -> None:
        async for event in stream.noack().events():
            await handle(_record(event.message))
            event.ack()
            await asyncio.sleep(0)

    agent.__name__ = name
    app.agent(_raw_topic(app, topic), name=name, isolated_partitions=True)(agent)


def _raw_topic(app: faust.App, name: str) -> Any:
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


def _record(message: Any) -> Record:
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        headers=as_headers(message.headers),
    )
