"""Faust's tables, mended: bytes stay bytes, and recovery goes on where Faust's own crashes or waits for ever.

Upstream: faust-streaming 0.15.3; no issue is known. This can go when `make chaos` passes with Faust's own tables.

State that is ahead of its topic, since the broker lost that, makes Faust stop with a `ConsistencyError`. Here the topic
is read again from its start, and what only we still know is written back to it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import faust
import faust.tables
from faust.stores import rocksdb
from faust.tables.recovery import Recovery as FaustRecovery
from rocksdict import WriteBatch

from streams.patches.rocksdb import open_or_recreate

log = logging.getLogger(__name__)
UPSTREAM = ("faust-streaming", "0.15.3")
_AT_ONCE = 500


class Store(rocksdb.Store):
    """Faust's store in RocksDB; a partition that cannot be read is built again."""

    def _open_for_partition(self, partition: int) -> Any:
        opened = super()._open_for_partition
        return open_or_recreate(self.partition_path(partition), lambda: opened(partition))


class BytesTable(faust.Table[Any, Any]):
    """A table whose keys and values are the bytes of its changelog."""

    def _serializer_from_type(self, typ: Any) -> str:
        del typ
        return "raw"

    def _new_store_by_url(self, url: Any) -> Any:
        serializers: dict[str, Any] = {"key_serializer": self.key_serializer, "value_serializer": self.value_serializer}
        return Store(url, self.app, self, table_name=self.name, loop=self.loop, options=self.options, **serializers)

    def find(self, partition: int, key: bytes) -> bytes | None:
        """The value of `key` in a partition."""
        value: bytes | None = self._rocks._db_for_partition(partition).get(key)
        return value

    def keep(self, partition: int, items: Mapping[bytes, bytes], offset: int) -> None:
        """Write items that stand in the changelog up to `offset`, and that offset, in one."""
        batch = WriteBatch(raw_mode=True)
        for key, value in items.items():
            batch.put(key, value)
        batch.put(self._rocks.offset_key, str(offset).encode())
        self._rocks._db_for_partition(partition).write(batch)

    @property
    def _rocks(self) -> Any:
        return self.data


class Recovery(FaustRecovery):
    """Faust's recovery, mended."""

    async def _build_offsets(self, consumer: Any, tps: set[Any], destination: Any, title: str) -> None:
        ends = await consumer.highwaters(*tps)
        for place in tps:
            stands, end = destination[place], ends[place] or 0
            if stands is not None and stands >= end:
                log.warning("%s[%d] ends at %d, and we knew it to %d: the broker lost it", *place, end, stands + 1)
                destination[place] = None
                if title == "active":
                    self.add_future(self._write_back(place))  # recovery itself has half a minute
        await super()._build_offsets(consumer, tps, destination, title)

    async def _seek_offsets(self, consumer: Any, tps: set[Any], offsets: Any, title: str) -> None:
        if not consumer.flow_active:
            await consumer.idle()
        await super()._seek_offsets(consumer, tps, offsets, title)

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        """Go to work. The flow stops meanwhile: Faust's own lets records in and then clears the queues they are in."""
        consumer: Any = self.app.consumer
        consumer.stop_flow()
        await consumer.idle()
        while not self.tables.changelog_queue.empty():  # noqa: ASYNC110 - a queue of Faust's
            await asyncio.sleep(0.01)
        await super().on_recovery_completed(generation_id)

    async def _write_back(self, place: Any) -> None:
        sent: list[Any] = []
        for key, value in _items(self.tp_to_table[place], place.partition):
            sent.append(await self._send(place, key, value))
            if len(sent) % _AT_ONCE == 0:
                await sent[-1]
        for future in sent:
            await future
        log.warning("%s[%d]: %d results are written back", *place, len(sent))

    async def _send(self, place: Any, key: bytes, value: bytes) -> Any:
        return await self.app.producer.send(place.topic, key, value, place.partition, None, None)


def _items(table: Any, partition: int) -> Iterable[tuple[bytes, bytes]]:
    store = table.data
    found: Iterable[tuple[bytes, bytes]] = store._visible_items(store._db_for_partition(partition))
    return found


class TableManager(faust.tables.TableManager):
    """Faust's table manager, with our recovery."""

    @property
    def recovery(self) -> FaustRecovery:
        """The service that brings tables up to date."""
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
