"""Reads the outcomes of all requests, from a position on and without an end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.client.event_log import EventLog, EventReader
from streams.client.follower import Follower
from streams.client.outcomes import Outcome, outcome_of
from streams.client.result_positions import PositionError, parse_positions, position_after, positions_text
from streams.envelope import Record
from streams.log_position import LogChangedError, Position
from streams.topics import REQUEST_ENDED

_TOPICS = (REQUEST_ENDED.full_name,)
_START = Position(0)


async def read_results(log: EventLog, from_position: str | None) -> AsyncGenerator[Outcome, None]:
    """Yield each outcome after the position, with the position after it; None: from the first outcome on.

    Raises: `PositionError`; `Retryable` (`kafka`) where Kafka does not answer at the beginning.
    """
    positions = {} if from_position is None else parse_positions(from_position)
    async with log.reader(_TOPICS) as reader:
        stream = _ResultStream(reader, positions)
        await stream.start()
        while True:
            for record in await stream.read():
                outcome = stream.outcome_of(record)
                if outcome is not None:
                    yield outcome


async def end_position(log: EventLog) -> str:
    """Return the position after the last outcome that is published by now."""
    async with log.reader(_TOPICS) as reader:
        return positions_text(await reader.end_positions(await reader.partitions()))


class _ResultStream:
    """The positions of a reader, which are checked whenever Kafka was connected again."""

    def __init__(self, reader: EventReader, positions: Mapping[TopicPartition, Position]) -> None:
        self._reader = reader
        self._follower = Follower(reader)
        self._positions = dict(positions)

    async def start(self) -> None:
        missing = self._positions.keys() - set(await self._reader.partitions())
        if missing:
            raise _changed(f"there is no partition {min(missing).partition}")
        self._reader.may_have_changed()
        await self._seek(await self._checked())

    async def read(self) -> list[Record]:
        records = await self._follower.read()
        if self._reader.may_have_changed():
            checked = await self._checked_when_kafka_is_back()
            if checked != self._positions:
                await self._seek(checked)
                return []
        return records

    def outcome_of(self, record: Record) -> Outcome | None:
        tp = TopicPartition(record.topic, record.partition)
        self._positions[tp] = position_after(self._positions.get(tp, _START), record)
        if record.value is None and record.unreadable is None:
            return None
        outcome = outcome_of(record)
        return None if outcome is None else replace(outcome, position=positions_text(self._positions))

    async def _seek(self, positions: dict[TopicPartition, Position]) -> None:
        self._positions = positions
        await self._follower.start({tp: position.offset for tp, position in positions.items()})

    async def _checked_when_kafka_is_back(self) -> dict[TopicPartition, Position]:
        while True:
            try:
                return await self._checked()
            except KafkaError:  # it has been tried for 20 s
                continue

    async def _checked(self) -> dict[TopicPartition, Position]:
        try:
            return await self._reader.checked(self._positions)
        except LogChangedError as error:
            raise _changed(str(error)) from error


def _changed(cause: str) -> PositionError:
    return PositionError(
        f"the position is not one of this topic of outcomes, which was created again or lost records ({cause}): "
        "read from the beginning (from_position=None) and compare the ids with those that you have stored"
    )
