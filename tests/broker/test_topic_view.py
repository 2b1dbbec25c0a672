"""A view on a real Kafka: the index that it fills is written only when all published records are applied."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from schemas.faults import Unavailable
from schemas.move_indexed import MoveIndexed
from streams.envelope import Record
from streams.kafka import make_producer
from streams.topics import PARTITIONS, Topic, TopicSpec
from streams.views.topic_view import Positions, ViewUpdater
from streams.worker.create_topics import ensure_topics
from tests.broker.conftest import DataFolder, wait_until

pytestmark = pytest.mark.broker
_TOPIC = Topic("view-test", MoveIndexed)
_RECORDS = 300


class _Counts:
    """A view that counts records and fills an index, which is away at first, with the number."""

    def __init__(self) -> None:
        self.applied = 0
        self.index = 0
        self.completed_at: list[int] = []
        self.is_away = True

    def positions(self) -> Positions:
        return {}

    def apply(self, records: Sequence[Record], positions: Positions) -> None:
        del positions
        self.applied += len(records)

    def is_complete(self) -> bool:
        if self.is_away:
            raise Unavailable("it is away", reason="move_index")
        return self.index == self.applied

    def complete(self) -> str:
        """Do a part of it in the first call, the rest in the second."""
        self.completed_at.append(self.applied)
        if len(self.completed_at) == 1:
            return "most of it is left"
        self.index = self.applied
        return ""


async def test_a_view_is_completed_only_when_all_records_are_applied(data_folder: DataFolder) -> None:
    kafka = data_folder.kafka
    await ensure_topics(kafka, [TopicSpec(_TOPIC.full_name, PARTITIONS, {})])
    async with make_producer(kafka) as producer, asyncio.timeout(60):
        await asyncio.gather(*[await producer.send(_TOPIC.full_name, b"%d" % number) for number in range(_RECORDS)])
        view = _Counts()
        updater = ViewUpdater(kafka, [_TOPIC.full_name], view, max_batch=7)
        await updater.start()
        try:
            with pytest.raises(Unavailable):
                await updater.caught_up()
            await asyncio.to_thread(wait_until, lambda: updater.problem() == "it is away", 30)
            assert (view.applied, view.completed_at) == (_RECORDS, [])
            view.is_away = False
            await updater.caught_up()
            assert (view.index, view.completed_at, updater.problem()) == (_RECORDS, [_RECORDS] * 2, None)
            await producer.send_and_wait(_TOPIC.full_name, b"another")
            await updater.caught_up()
            assert view.completed_at[2:] == [_RECORDS + 1]
        finally:
            await updater.stop()
