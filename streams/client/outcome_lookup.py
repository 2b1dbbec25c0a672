"""Finds the outcomes of requests that ended before: the topic is read backwards, and no more of it than needed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Set
from typing import NamedTuple
from uuid import UUID

from aiokafka import TopicPartition

from streams.client.event_log import EventLog, EventReader
from streams.client.follower import READ_S
from streams.client.outcomes import Outcome, outcome_of
from streams.envelope import Record
from streams.kafka import partition_of_key
from streams.topics import PARTITIONS, REQUEST_ENDED

MAX_LOOK_BACK = 100_000  # records of a partition
_FIRST_WINDOW = 1000  # records
_WINDOW_GROWTH = 4
_CLOSE_S = 2.0
_CLOCKS_DIFFER_MS = 3600 * 1000  # at most, of the machine that made a request id and of the broker


class Found(NamedTuple):
    """An outcome, and the record that has it."""

    outcome: Outcome
    record: Record


class OutcomeLookup:
    """Searches for the outcomes of many requests at a time, each in the partition of its key."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._wanted: dict[str, asyncio.Future[Found | None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def find(self, request_id: str) -> Found | None:
        """Return the last outcome of a request, or None. Raises: `Retryable` (`kafka`)."""
        future = self._wanted.setdefault(request_id, asyncio.get_running_loop().create_future())
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._search_all())
        return await asyncio.shield(future)

    async def close(self) -> None:
        """End the search; one that is about to end is waited for, since aiokafka leaves what it was connecting."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=_CLOSE_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _search_all(self) -> None:
        while self._wanted:
            wanted, self._wanted = self._wanted, {}
            try:
                async with self._log.reader([REQUEST_ENDED.full_name]) as reader:
                    found = await _search(reader, wanted.keys())
            except asyncio.CancelledError:
                for future in wanted.values():
                    future.cancel()
                raise
            except Exception as error:  # noqa: BLE001 - raised where it is waited for
                for future in wanted.values():
                    future.set_exception(error)
                    future.exception()  # nobody may wait for it any more
            else:
                for request_id, future in wanted.items():
                    future.set_result(found.get(request_id))


async def _search(reader: EventReader, request_ids: Set[str]) -> dict[str, Found]:
    partitions = await reader.partitions()
    wanted: dict[TopicPartition, set[str]] = defaultdict(set)
    for request_id in request_ids:
        for partition in _partitions_of(request_id, partitions):
            wanted[partition].add(request_id)
    found: dict[str, Found] = {}
    for partition, ids in wanted.items():
        found |= await _search_partition(reader, partition, ids)
    return found


def _partitions_of(request_id: str, partitions: list[TopicPartition]) -> Iterator[TopicPartition]:
    """Yield where an outcome may be: where partitions were added, anywhere, last where its key is written now."""
    own = partitions[partition_of_key(request_id.encode(), len(partitions))]
    if len(partitions) != PARTITIONS:
        yield from (partition for partition in partitions if partition != own)
    yield own


async def _search_partition(reader: EventReader, partition: TopicPartition, ids: set[str]) -> dict[str, Found]:
    """Return the last outcomes of these requests in a partition, from windows of records that grow backwards."""
    start, end = (await reader.bounds([partition]))[partition]
    start = max(start, end - MAX_LOOK_BACK, await _earliest(reader, partition, ids, end))
    found: dict[str, Found] = {}
    window = _FIRST_WINDOW
    while end > start and ids - found.keys():
        begin = max(start, end - window)
        found = await _read(reader, partition, (begin, end), ids) | found
        end, window = begin, window * _WINDOW_GROWTH
    reader.seek({})
    return found


async def _earliest(reader: EventReader, partition: TopicPartition, ids: set[str], end: int) -> int:
    """Return the first offset at which an outcome can be, if each id tells when it was made."""
    times = [made_at_ms(request_id) for request_id in ids]
    known = [time for time in times if time is not None]
    if len(known) < len(times):
        return 0
    offset = await reader.offset_at(partition, max(0, min(known) - _CLOCKS_DIFFER_MS))
    return end if offset is None else offset


def made_at_ms(request_id: str) -> int | None:
    """Return the time in a UUID of version 7, milliseconds since 1970, or None for any other id."""
    try:
        made = UUID(request_id)
    except ValueError:
        return None
    return made.int >> 80 if made.version == 7 else None


async def _read(
    reader: EventReader, partition: TopicPartition, offsets: tuple[int, int], ids: set[str]
) -> dict[str, Found]:
    begin, end = offsets
    keys = {request_id.encode() for request_id in ids}
    found: dict[str, Found] = {}
    reader.seek({partition: begin})
    while await reader.position(partition) < end:
        for record in await reader.read(READ_S):
            outcome = outcome_of(record) if record.key in keys and record.value is not None else None
            if outcome is not None:
                found[outcome.request_id] = Found(outcome, record)
    return {request_id: last for request_id, last in found.items() if request_id in ids}
