"""The client: submit songs and clips, and follow them to their outcome. Other programs may import it.

async with Client("127.0.0.1:9092") as client:
    await client.submit(SongSubmitted(source=..., request_id=...))
    async for said in client.follow({request_id}):
        ...
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from types import TracebackType
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.base import Payload
from schemas.faults import Poison
from schemas.move_indexed import MoveIndexed
from schemas.move_submitted import MoveSubmitted
from schemas.progress import Progress
from schemas.rendered import Rendered
from schemas.song_submitted import SongSubmitted
from streams.envelope import Record, as_headers, payload_of, seal
from streams.ids import event_id
from streams.patches.aiokafka_headers import read_leniently
from streams.topics import MAX_MESSAGE_BYTES, PARTITIONS, topic_of

Said = Progress | Rendered | MoveIndexed
_FOLLOWED: tuple[type[Payload], ...] = (Progress, Rendered, MoveIndexed)


class Client:
    """Speaks to Kafka at `bootstrap`. It hears what is said from the moment it is opened."""

    def __init__(self, bootstrap: str, source: str = "/client") -> None:
        self._source = source
        self._models = {topic_of(model).full_name: model for model in _FOLLOWED}
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_request_size=MAX_MESSAGE_BYTES
        )
        read_leniently()
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, enable_auto_commit=False, max_partition_fetch_bytes=MAX_MESSAGE_BYTES
        )

    async def __aenter__(self) -> Client:
        await self._producer.start()
        await self._consumer.start()
        places = [TopicPartition(topic, number) for topic in self._models for number in range(PARTITIONS)]
        self._consumer.assign(places)
        for place, end in (await self._consumer.end_offsets(places)).items():
            self._consumer.seek(place, end)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.stop()
        await self._consumer.stop()

    async def submit(self, request: SongSubmitted | MoveSubmitted) -> None:
        """Return when the broker has the request. It must have a `request_id`; a file is keyed by its content."""
        if request.request_id is None:
            raise ValueError("a request needs a request_id to be followed by")
        topic = topic_of(type(request))
        headers = seal(topic, self._source, event_id("submitted", request.request_id), request.request_id)
        key = request.source.sha256 or request.request_id
        value = request.model_dump_json().encode()
        await self._producer.send_and_wait(topic.full_name, value, key=key.encode(), headers=headers)

    async def follow(self, request_ids: Collection[str]) -> AsyncIterator[Said]:
        """Everything said of these requests, each until its outcome and, where it is done, until its result too."""
        waiting: dict[str, set[str]] = {request_id: {"outcome", "result"} for request_id in request_ids}
        while waiting:
            for batch in (await self._consumer.getmany(timeout_ms=1000)).values():
                for message in batch:
                    said = self._heard(message, waiting)
                    if said is not None:
                        _cross_off(waiting, said)
                        yield said

    def _heard(self, message: Any, waiting: Collection[str]) -> Said | None:
        record = Record(
            message.topic, message.partition, message.offset, None, message.value, as_headers(message.headers)
        )
        if record.header("ce_correlationid") not in waiting:
            return None
        try:
            said = payload_of(record, self._models[message.topic])
        except Poison:
            return None
        assert isinstance(said, Said)  # noqa: S101 - what payload_of was asked for
        return said


def _cross_off(waiting: dict[str, set[str]], said: Said) -> None:
    missing = waiting.get(said.request_id)
    if missing is None:
        return
    if not isinstance(said, Progress):
        missing.discard("result")
    elif said.outcome == "done":
        missing.discard("outcome")
    elif said.outcome == "failed":
        missing.clear()
    if not missing:
        del waiting[said.request_id]
