"""The Qdrant sink: keeps this worker's move index level with the `move-indexed` topic, which is the truth.

Every worker reads all partitions from where its own index stands. A point is written before its offset, and writing
it again changes nothing, so whatever happens in between nothing is lost or doubled.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from pathlib import Path
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.faults import Poison
from schemas.move_indexed import Move, MoveIndexed
from streams.envelope import Record, as_headers, payload_of
from streams.topics import MAX_MESSAGE_BYTES, MOVE_INDEXED, PARTITIONS

log = logging.getLogger(__name__)
_RETRY_S = 1.0


class MoveIndex(Protocol):
    """What the sink needs of the index."""

    def upsert(self, move: Move) -> None:
        """Put a move in, in place of the one of the same clip."""

    def flush(self) -> None:
        """Make what was put in durable."""

    def count(self) -> int:
        """How many moves are in it."""


class MoveSink:
    """Reads `move-indexed` into the index. `positions` is the file that remembers how far."""

    def __init__(self, bootstrap: str, index: MoveIndex, positions: Path) -> None:
        self._bootstrap = bootstrap
        self._index = index
        self._file = positions
        self._next: dict[int, int] = _load(positions)
        self._moved = asyncio.Condition()
        self._consumer: Any = None
        self._task: asyncio.Task[None] | None = None
        self.error: str | None = None

    async def start(self) -> None:
        """Begin reading in the background."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def caught_up(self) -> None:
        """Return when everything published before this call is in the index."""
        partitions = [_partition(number) for number in range(PARTITIONS)]
        async with self._moved:
            await self._moved.wait_for(lambda: self._consumer is not None)
        ends = await self._consumer.end_offsets(partitions)
        async with self._moved:
            await self._moved.wait_for(lambda: all(self._next.get(tp.partition, 0) >= end for tp, end in ends.items()))

    async def _run(self) -> None:
        while True:
            try:
                await self._read()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever keeps the index from us, it may come back
                self.error = f"{type(error).__name__}: {error}"
                log.warning("the move index is behind, trying again: %s", self.error)
                await asyncio.sleep(_RETRY_S)

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=MAX_MESSAGE_BYTES,
        )
        await consumer.start()
        try:
            self._consumer = consumer
            await self._seek(consumer)
            await self._follow(consumer)
        finally:
            self._consumer = None
            await consumer.stop()

    async def _seek(self, consumer: Any) -> None:
        partitions = [_partition(number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        if await asyncio.to_thread(self._index.count) == 0:
            self._next.clear()  # a position belongs to the index it was noted for, and this one is new
        ends = await consumer.end_offsets(partitions)
        for tp in partitions:
            if self._next.get(tp.partition, 0) > ends[tp]:
                log.warning("the index is ahead of %s[%d]: reading it from the start", tp.topic, tp.partition)
                self._next[tp.partition] = 0
            consumer.seek(tp, self._next.get(tp.partition, 0))
        await self._note({})

    async def _follow(self, consumer: Any) -> None:
        while True:
            batches = await consumer.getmany(timeout_ms=500, max_records=64)
            moves = [move for batch in batches.values() for message in batch if (move := _move(message))]
            if moves:
                await asyncio.to_thread(self._write, moves)
            positions = {tp.partition: await consumer.position(tp) for tp in consumer.assignment()}
            if positions != self._next:
                await self._note(positions)

    def _write(self, moves: list[Move]) -> None:
        for move in moves:
            self._index.upsert(move)
        self._index.flush()

    async def _note(self, positions: dict[int, int]) -> None:
        self._next.update(positions)
        self.error = None
        _save(self._file, self._next)
        async with self._moved:
            self._moved.notify_all()


def _partition(number: int) -> Any:
    return TopicPartition(MOVE_INDEXED.full_name, number)


def _move(message: Any) -> Move | None:
    record = Record(
        message.topic, message.partition, message.offset, message.key, message.value, as_headers(message.headers)
    )
    try:
        event = payload_of(record, MoveIndexed)
    except Poison as fault:
        log.warning("%s[%d]@%d is no move and is passed over: %s", record.topic, record.partition, record.offset, fault)
        return None
    assert isinstance(event, MoveIndexed)  # noqa: S101 - what payload_of was asked for
    return event.move


def _load(file: Path) -> dict[int, int]:
    try:
        return {int(partition): int(offset) for partition, offset in json.loads(file.read_text()).items()}
    except (OSError, ValueError):
        return {}


def _save(file: Path, positions: dict[int, int]) -> None:
    temporary = file.with_suffix(".new")
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary.write_text(json.dumps(positions))
    os.replace(temporary, file)  # noqa: PTH105
