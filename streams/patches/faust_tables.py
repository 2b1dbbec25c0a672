"""A fix of Faust's tables: bytes are stored unchanged, and recovery continues where Faust's crashes or hangs.

Upstream: faust-streaming 0.15.3; no issue is known. Remove this module when `make chaos` passes with Faust's tables.

If the broker lost records of a changelog, the local state is ahead of it, and Faust stops with a `ConsistencyError`;
if new records have taken their offsets, Faust skips those. So the local state has a mark of the last record that it
contains (`streams.log_position`). Where the changelog is another, it is read again from its start, and the results in
the local state are written back to it.

Faust's recovery ends at a record of the last offset and stops at one without key. The last offset may have no record,
for example a transaction's marker; `faust_consumer` then dispatches an empty one for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any

import faust
import faust.tables
from faust.stores import rocksdb
from faust.tables.recovery import Recovery as FaustRecovery
from rocksdict import WriteBatch

from schemas.faults import Poison
from streams.envelope import Unreadable
from streams.kafka_errors import permanent_fault
from streams.log_position import Mark, Position, checksum_of
from streams.patches.rocksdb import open_or_recreate

log = logging.getLogger(__name__)
UPSTREAM = ("faust-streaming", "0.15.3")
_MAX_UNACKNOWLEDGED = 500


class Store(rocksdb.Store):
    """Faust's store in RocksDB; an unreadable partition is recreated empty and recovered from the changelog."""

    def _open_for_partition(self, partition: int) -> Any:
        opened = super()._open_for_partition
        return open_or_recreate(self.partition_path(partition), lambda: opened(partition))

    def persisted_offset(self, tp: Any) -> int | None:
        """Return the offset of the last record of the changelog that is in the store, or None."""
        position = self.position(tp.partition)
        return None if position is None else position.offset - 1

    def position(self, partition: int) -> Position | None:
        """Return the position in the changelog after the records that are in the store, or None."""
        stored = self._db_for_partition(partition).get(self.offset_key)
        if stored is None:
            return None
        last = Position.parse(stored.decode())  # Faust stores the last offset, not the next
        return last._replace(offset=last.offset + 1)

    def apply_changelog_batch(self, batch: Iterable[Any], to_key: Any, to_value: Any) -> None:
        """Write records of the changelog, and a mark of the last of each partition; what is no result is skipped."""
        events = list(batch)
        super().apply_changelog_batch([event for event in events if self._is_result(event.message)], to_key, to_value)
        for message in {event.message.tp: event.message for event in events}.values():
            self._db_for_partition(message.partition).put(
                self.offset_key, marked_offset(message.offset, message.key, message.value)
            )

    def _is_result(self, message: Any) -> bool:
        if message.key is not None and message.key != self.offset_key:
            return True
        if message.value is not None or isinstance(message.headers, Unreadable):
            cause = message.headers if isinstance(message.headers, Unreadable) else "its key is not one of a result"
            log.warning("%s[%d]@%d is skipped: %s", *message.tp, message.offset, cause)
        return False


def marked_offset(offset: int, key: bytes | None, value: bytes | None) -> bytes:
    """Return the offset of a record of the changelog with its mark, as the store has it."""
    return str(Position(offset, (Mark(offset, None, checksum_of(key, value)),))).encode()


class BytesTable(faust.Table[Any, Any]):
    """A table whose keys and values are the bytes of its changelog."""

    def _serializer_from_type(self, typ: Any) -> str:
        del typ
        return "raw"

    def _new_store_by_url(self, url: Any) -> Any:
        serializers: dict[str, Any] = {"key_serializer": self.key_serializer, "value_serializer": self.value_serializer}
        return Store(url, self.app, self, table_name=self.name, loop=self.loop, options=self.options, **serializers)

    def get_bytes(self, partition: int, key: bytes) -> bytes | None:
        """Return the value of `key` in a partition, or None."""
        value: bytes | None = self._rocks._db_for_partition(partition).get(key)
        return value

    def write_batch(self, partition: int, items: Mapping[bytes, bytes], first: int, last: int) -> None:
        """Write items that are in the changelog from offset `first` to `last`, and `last`, atomically.

        If another worker wrote in between, which has the partition by now, the stored offset stays: recovery must read
        the records of that worker, too.
        """
        batch = WriteBatch(raw_mode=True)
        for key, value in items.items():
            batch.put(key, value)
        position = self._rocks.position(partition)
        read_to = 0 if position is None else position.offset
        if first <= read_to and last - first + 1 == len(items):
            batch.put(self._rocks.offset_key, marked_offset(last, *list(items.items())[-1]))
        self._rocks._db_for_partition(partition).write(batch)

    def close(self) -> None:
        """Close all partitions. Faust only drops its references to them, and work that ends late opens one again."""
        stores = self._rocks._dbs
        while stores:
            stores.popitem()[1].close()

    @property
    def _rocks(self) -> Any:
        return self.data


class Recovery(FaustRecovery):
    """Faust's recovery with the fixes above."""

    async def _build_offsets(self, consumer: Any, tps: set[Any], destination: Any, title: str) -> None:
        read = {tp: position for tp in tps if (position := self._position(tp)) is not None}
        found = await consumer.resume_positions(read)
        for tp in (tp for tp in read if found[tp] != read[tp]):
            destination[tp] = None
            if title == "active":
                self.add_future(self._write_back(tp))  # in the background: recovery times out after 30 s
        await super()._build_offsets(consumer, tps, destination, title)

    def _position(self, tp: Any) -> Position | None:
        table: Any = self.tp_to_table[tp]
        position: Position | None = table.data.position(tp.partition)
        return position

    async def _seek_offsets(self, consumer: Any, tps: set[Any], offsets: Any, title: str) -> None:
        if not consumer.flow_active:
            await consumer.idle()
        await super()._seek_offsets(consumer, tps, offsets, title)

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        """Start processing. The flow is stopped first: else Faust clears queues that already hold fetched records."""
        consumer: Any = self.app.consumer
        consumer.stop_flow()
        await consumer.idle()
        while not self.tables.changelog_queue.empty():  # noqa: ASYNC110 - Faust's queue has no event
            await asyncio.sleep(0.01)
        await super().on_recovery_completed(generation_id)

    async def _write_back(self, tp: Any) -> None:
        sent: list[Awaitable[Any]] = []
        for key, value in _items(self.tp_to_table[tp], tp.partition):
            sent.append(await self._send(tp, key, value))
            if len(sent) % _MAX_UNACKNOWLEDGED == 0:
                await asyncio.wait([asyncio.ensure_future(sent[-1])])
        refused = [fault for future in sent if (fault := await _refused(future, tp.topic))]
        log.warning("%s[%d]: %d results are written back", *tp, len(sent) - len(refused))
        if refused:  # they are computed again when they are needed
            log.warning("%s[%d]: %d results cannot be written back: %s", *tp, len(refused), refused[0])

    async def _send(self, tp: Any, key: bytes, value: bytes) -> Awaitable[Any]:
        try:
            sent: Awaitable[Any] = await self.app.producer.send(tp.topic, key, value, tp.partition, None, None)
        except Exception as error:  # noqa: BLE001 - raised where the result is awaited
            sent = asyncio.get_running_loop().create_future()
            sent.set_exception(error)
        return sent


async def _refused(sent: Awaitable[Any], topic: str) -> Poison | None:
    """Return the fault of a record that can never be sent, or None if it is. Raises all other errors."""
    try:
        await sent
    except Exception as error:
        fault = permanent_fault(error, topic)
        if fault is None:
            raise
        return fault
    return None


def _items(table: Any, partition: int) -> Iterable[tuple[bytes, bytes]]:
    store = table.data
    items: Iterable[tuple[bytes, bytes]] = store._visible_items(store._db_for_partition(partition))
    return items


class TableManager(faust.tables.TableManager):
    """Faust's table manager with the recovery above."""

    @property
    def recovery(self) -> FaustRecovery:
        """Return the service that recovers tables from their changelogs."""
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
