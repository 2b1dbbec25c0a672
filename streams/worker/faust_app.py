"""The Faust application: the table of results, and an agent for each stage, in order within a partition.

Faust acks an event in a `finally`, also when its agent is cancelled before it is done. So automatic acks are off, and
an event is acked only when its stage has written all of its output.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import faust

from infra.kafka_connection import KafkaConnection
from schemas.base import Priority
from streams.envelope import Record
from streams.kafka import record_of
from streams.patches.faust_consumer import App
from streams.patches.faust_tables import BytesTable, TableManager
from streams.stage.in_flight import InFlight
from streams.stage.operations import Operations
from streams.stage.outbox import Outbox
from streams.stage.priority import by_priority, request_priority
from streams.stage.retry import retry_forever
from streams.topics import APP_ID, MAX_MESSAGE_BYTES, PARTITIONS, RESULTS_TABLE, Topic
from streams.worker.publisher import KafkaPublisher

_ROCKSDB_OPTIONS = {
    "driver": "rocksdict",
    "block_cache_size": 32 << 20,
    "write_buffer_size": 8 << 20,
    "max_write_buffer_number": 2,
}
# An assignment made while the broker was away may be empty; this long after, the group notices and makes another.
_METADATA_MAX_AGE_MS = 10_000
_MAX_POLL_RECORDS = 64
log = logging.getLogger(__name__)
Out = TypeVar("Out")


def make_app(kafka: KafkaConnection, folder: Path) -> faust.App:
    """Return an application with its tables below `folder`. Its web server, leader topic and topic creation are off."""
    return App(
        APP_ID,
        broker=[f"kafka://{address}" for address in kafka.bootstrap.split(",")],
        broker_credentials=credentials(kafka),
        store="rocksdb://",
        datadir=str(folder).replace("{", "{{").replace("}", "}}"),  # Faust takes it as a format
        web_enabled=False,
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=1,
        consumer_auto_offset_reset="none",  # each position is sought: see streams.patches.faust_consumer
        consumer_max_fetch_size=MAX_MESSAGE_BYTES,
        consumer_metadata_max_age_ms=_METADATA_MAX_AGE_MS,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=1.0,
        broker_rebalance_timeout=20.0,
        broker_max_poll_interval=3600.0,
        broker_max_poll_records=_MAX_POLL_RECORDS,
        broker_commit_interval=1.0,
        broker_request_timeout=30.0,
        producer_max_request_size=MAX_MESSAGE_BYTES,
        recovery_consistency_check=False,  # streams.patches.faust_tables writes back what the broker lost
        stream_processing_timeout=3600.0,
        stream_wait_empty=False,
        stream_buffer_maxsize=5 * _MAX_POLL_RECORDS,  # Faust pauses at 4/5 of it: a whole fetch still fits
        worker_redirect_stdouts=False,
        Table=BytesTable,
        TableManager=TableManager,
    )


def credentials(kafka: KafkaConnection) -> faust.SASLCredentials | faust.SSLCredentials | None:
    """Return the login and TLS of a connection for Faust, or None where it has neither."""
    context = kafka.ssl_context()
    if kafka.username is not None:
        return faust.SASLCredentials(
            username=kafka.username, password=kafka.password, mechanism=kafka.mechanism, ssl_context=context
        )
    return None if context is None else faust.SSLCredentials(context)


class TableResults:
    """The stored results of all steps: a Faust table of bytes, in RocksDB, with a compacted changelog.

    Faust does not wait for the broker to acknowledge a changelog record. Here a result counts as stored when the broker
    has acknowledged it, so the next worker of the partition has it.
    """

    def __init__(self, app: faust.App, publisher: KafkaPublisher) -> None:
        self._publisher = publisher
        self._table: Any = app.Table(RESULTS_TABLE, partitions=PARTITIONS, options=dict(_ROCKSDB_OPTIONS))

    def get(self, partition: int, key: str) -> str | None:
        """Return the result stored under `key` in a partition assigned to this worker, or None."""
        value = self._table.get_bytes(partition, key.encode())
        try:
            return None if value is None else bytes(value).decode()
        except UnicodeDecodeError:  # a stranger wrote it to the changelog
            return None

    async def put(self, partition: int, results: Mapping[str, str]) -> None:
        """Return when the results are stored on the broker and on this machine."""
        items = {key.encode(): value.encode() for key, value in results.items()}
        first, last = await self._publisher.append(self._table.changelog_topic_name, partition, items)
        self._table.write_batch(partition, items, first, last)

    def close(self) -> None:
        """Close the tables on this machine, so that another worker in this process can open them."""
        self._table.close()


class Processor(Protocol[Out]):
    """What an agent runs: `prepare` is called for one record of a partition at a time, `deliver` for several in order.

    `name` is unique among the processors of a worker.
    """

    @property
    def name(self) -> str: ...

    @property
    def source(self) -> Topic: ...

    @property
    def operations(self) -> Operations: ...

    def priority(self, record: Record) -> Priority: ...

    async def prepare(self, record: Record) -> Out: ...

    async def deliver(self, outputs: Sequence[Out]) -> None: ...


def add_agent(app: faust.App, processor: Processor[Out], in_flight: InFlight) -> None:
    """Run a processor as a Faust agent: partitions in parallel, events of a partition in order, acked when delivered.

    Events of interactive requests are processed before those of bulk ones that wait in the same partition.
    """
    name = processor.source.full_name

    async def agent(stream: Any) -> None:
        outbox = Outbox(processor.deliver)
        preparing = 0
        try:
            async with aclosing(_by_priority(app, processor, stream)) as events:
                async for event, record, priority in events:
                    await in_flight.add()
                    preparing = 1
                    request_priority.set(priority)
                    output = await _prepare(processor, record)
                    await outbox.add(output, lambda event=event: _ack(event, in_flight))  # type: ignore[misc]
                    preparing = 0
        except asyncio.CancelledError:
            # The partition is taken away, or the worker stops. Faust starts a cancelled agent again, also of a
            # partition that it no longer has, and ends the worker when it does so twice within 10 ms.
            return
        finally:
            in_flight.remove(outbox.close() + preparing)

    agent.__name__ = processor.name
    source = app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    app.agent(source, name=processor.name, isolated_partitions=True)(agent)


class _Read(NamedTuple):
    """An event of Faust, its record, and the priority of its request."""

    event: Any
    record: Record
    priority: Priority


def _by_priority(app: faust.App, processor: Processor[Any], stream: Any) -> AsyncGenerator[_Read, None]:
    """Return a stream's events by priority, without those that were read before a rebalance: they are read again."""

    async def read() -> AsyncIterator[_Read]:
        async for event in stream.noack().events():
            record = record_of(event.message)
            yield _Read(event, record, processor.priority(record))

    def is_outdated(read: _Read) -> bool:
        return bool(read.event.message.generation_id != app.consumer_generation_id)

    return by_priority(read(), lambda read: read.priority, is_outdated)


async def _prepare(processor: Processor[Out], record: Record) -> Out:
    """Return the processor's output. An exception here would end the agent, so it is retried, and reported as stuck."""
    try:
        return await processor.prepare(record)
    except Exception:
        log.exception("%s: an event could not be handled and is tried again", processor.name)
    partition = record.topic, record.partition
    place = f"{processor.name}, {record.topic}[{record.partition}] at offset {record.offset}"
    with processor.operations.start(f"{place}: handling the event", partition) as operation:
        return await retry_forever(lambda: processor.prepare(record), operation)


def _ack(event: Any, in_flight: InFlight) -> None:
    event.ack()
    in_flight.remove()
