"""The client submits songs and clips, and follows requests until their outcome.

async with Client("127.0.0.1:9092") as client:  # or Client(KafkaConnection(...)) for a Kafka with a login
    await client.submit(SongSubmitted(source=..., request_id=...))
    async for update in client.follow({request_id}):
        ...
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from time import monotonic
from types import TracebackType
from typing import Any

from aiokafka.errors import KafkaError

from infra.kafka_connection import KafkaConnection
from schemas.base import Model
from schemas.faults import Poison, Retryable
from schemas.move_indexed import MoveIndexed
from schemas.move_submitted import MoveSubmitted
from schemas.progress import Progress
from schemas.rendered import Rendered
from schemas.request_ended import RequestEnded
from schemas.song_submitted import SongSubmitted
from streams.client.results import RequestResult, Update
from streams.envelope import Message, event_headers, payload_of
from streams.ids import event_id
from streams.kafka import kafka_faults, make_consumer, make_producer, partitions_of, record_of
from streams.sending import send_in_order
from streams.topics import MAX_MESSAGE_BYTES, topic_of

_FOLLOWED: tuple[type[Model], ...] = (Progress, RequestEnded, Rendered, MoveIndexed)
_POLL_MS = 1000
_LAST_PROGRESS_TIMEOUT_S = 2.0
_PARTITIONS_INTERVAL_S = 10.0


class Client:
    """A client of Kafka. It receives messages that are published after it is opened.

    `kafka`: a connection, or the address of a Kafka without login.
    """

    def __init__(self, kafka: KafkaConnection | str, source: str = "/client") -> None:
        self._kafka = connection = KafkaConnection.of(kafka)
        self._source = source
        self._models = {topic_of(model).full_name: model for model in _FOLLOWED}
        self._producer = make_producer(connection)
        self._consumer = make_consumer(
            connection, auto_offset_reset="earliest", max_partition_fetch_bytes=MAX_MESSAGE_BYTES
        )
        self._next_check_at = 0.0

    async def __aenter__(self) -> Client:
        await self._producer.start()
        await self._consumer.start()
        await self._follow_partitions()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.stop()
        await self._consumer.stop()

    async def submit(self, request: SongSubmitted | MoveSubmitted) -> str:
        """Publish a request and return its id when the broker has acknowledged it. A stored file's sha256 is the key.

        Raises: `ValueError` if the request has no id; `Poison` if it is too large to be sent; `Retryable` (`kafka`).
        """
        if request.request_id is None:
            raise ValueError("a request needs a request_id to be followed by")
        topic = topic_of(type(request))
        headers = event_headers(topic, self._source, event_id("submitted", request.request_id), request.request_id)
        key = request.source.sha256 or request.request_id
        value = request.model_dump_json().encode()
        with kafka_faults(self._kafka):
            [fault] = await send_in_order(self._producer, [Message(topic.full_name, key.encode(), value, headers)])
        if fault is not None:
            raise fault
        return request.request_id

    async def follow(self, request_ids: Collection[str]) -> AsyncIterator[Update]:
        """Yield all messages on these requests until each request is complete.

        A request with outcome `done` is complete when its outcome and result are received, any other when its outcome
        is. The last progress of the step that ended it may be dropped, so it is waited for at most 2 s.
        """
        results = {request_id: RequestResult() for request_id in request_ids}
        deadlines: dict[str, float] = {}
        while results:
            await self._follow_partitions()
            for batch in (await self._consumer.getmany(timeout_ms=self._poll_ms(deadlines))).values():
                for message in batch:
                    update = self._read(message, results)
                    if update is not None:
                        results[update.request_id].add(update)
                        yield update
            _drop_complete(results, deadlines)

    async def wait(self, request_ids: Collection[str]) -> Mapping[str, RequestResult]:
        """Return the results of these requests when all are complete."""
        results = {request_id: RequestResult() for request_id in request_ids}
        async for update in self.follow(request_ids):
            results[update.request_id].add(update)
        return results

    async def _follow_partitions(self) -> None:
        """Read all partitions: from their end, and those that are added later from their beginning.

        Raises aiokafka's errors, or `Retryable` for a missing topic, only while no partition is read yet.
        """
        if monotonic() < self._next_check_at:
            return
        self._next_check_at = monotonic() + _PARTITIONS_INTERVAL_S
        followed = self._consumer.assignment()
        try:
            partitions = await partitions_of(self._consumer._client, self._models)
        except (KafkaError, Retryable):
            if not followed:
                raise
            return  # Kafka is away, perhaps for a moment: the consumer itself waits for it
        added = [tp for tp in partitions if tp not in followed]
        if not added:
            return
        positions = {tp: await self._consumer.position(tp) for tp in followed}
        positions |= dict.fromkeys(added, 0) if followed else await self._consumer.end_offsets(added)
        self._consumer.assign(list(positions))
        for tp, position in positions.items():
            self._consumer.seek(tp, position)

    def _poll_ms(self, deadlines: Mapping[str, float]) -> int:
        if not deadlines:
            return _POLL_MS
        return max(1, min(_POLL_MS, int(1000 * (min(deadlines.values()) - monotonic()))))

    def _read(self, message: Any, results: Mapping[str, object]) -> Update | None:
        record = record_of(message)
        if record.header("ce_correlationid") not in results:
            return None
        try:
            update: Any = payload_of(record, self._models[message.topic])
        except Poison:
            return None
        return update if update.request_id in results else None


def _drop_complete(results: dict[str, RequestResult], deadlines: dict[str, float]) -> None:
    """Remove the requests that are complete, or that lack only the last progress and whose deadline has passed."""
    now = monotonic()
    for request_id, result in list(results.items()):
        if not result.has_outcome:
            continue
        if result.has_last_progress or now >= deadlines.setdefault(request_id, now + _LAST_PROGRESS_TIMEOUT_S):
            del results[request_id]
            deadlines.pop(request_id, None)
