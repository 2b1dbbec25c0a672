"""Two steps consume one topic on a real Kafka; one of them produces no events. Each processes every event once."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import TopicPartition

from agents.outcome_delivery.agent import STEP as OUTCOME_DELIVERY
from agents.step import Step, Tools
from infra.kafka_connection import KafkaConnection
from infra.kafka_jars import ensure_jars
from infra.local_kafka import LocalKafka, find_java, installed_startup_cache
from infra.settings import load_settings
from schemas.base import Source
from schemas.faults import Poison
from schemas.move_submitted import MoveSubmitted
from schemas.request_ended import RequestEnded
from schemas.song_submitted import SongSubmitted
from streams.client import Client
from streams.ids import digest
from streams.kafka import admin_of, make_consumer
from streams.patches import faust_consumer
from streams.stage.runners import AnyStep, CompletedWork, Report, Runner
from streams.testing import inline
from streams.topics import APP_ID, MOVE_SUBMITTED, PARTITIONS, REQUEST_ENDED, SONG_SUBMITTED, Topic
from streams.worker.build import build_worker
from tests.chaos.counting_worker import COUNTING
from tests.chaos.submissions import cheap_request, sending, submission
from tests.unit.infra.receiver import HANG, Receiver, receiver

pytestmark = [pytest.mark.broker, pytest.mark.slow]
_FAILING_REQUEST = 7


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaConnection]:
    class_path = ensure_jars(load_settings().cache_dir, print)
    folder = tmp_path_factory.mktemp("kafka")
    with LocalKafka(folder, class_path, find_java(), installed_startup_cache(class_path)) as local:
        yield local.start()


def _delivery(name: str, topic: Topic, deliver: Callable[[str], None]) -> AnyStep:
    def work(source: Source, tools: Tools) -> Source:
        del tools
        deliver(str(source.sha256))
        return source

    return Step(
        name=name,
        version="1",
        consumes=topic.payload,
        depends_on=lambda event, tools: event.source,
        takes=Source,
        work=work,
        result=Source,
        produces=None,
        subject=lambda _, source: str(source.sha256),
        runs_in="thread",
    )


@asynccontextmanager
async def _working(
    kafka: KafkaConnection, steps: tuple[AnyStep, ...], runner: Runner | None = None
) -> AsyncIterator[None]:
    worker = build_worker(load_settings(), kafka, steps, runner and {"thread": runner})
    running = asyncio.create_task(worker.run())
    try:
        while worker.state:  # noqa: ASYNC110 - no event signals it
            await asyncio.sleep(0.05)
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_each_step_processes_every_event_once(kafka: KafkaConnection) -> None:
    delivered: Counter[str] = Counter()

    def deliver(sha256: str) -> None:
        delivered[sha256] += 1
        if sha256 == cheap_request(_FAILING_REQUEST).source.sha256:
            raise Poison("the receiver does not exist", "not_found")

    requests = [cheap_request(number) for number in range(40)]
    steps = (COUNTING, _delivery("delivery", SONG_SUBMITTED, deliver))
    async with asyncio.timeout(60), _working(kafka, steps, inline(_NO_TOOLS)):
        async with Client(kafka) as client:
            for request in requests:
                await client.submit_event(request)
        ended = await _outcomes(kafka, len(requests))
        await _committed(kafka, len(requests))
        dead_letters = await _read(kafka, SONG_SUBMITTED.dead_letter_name, 1)
    assert delivered == Counter(str(request.source.sha256) for request in requests)
    assert {outcome.outcome for outcome in ended} == {"done"}, "a delivery that fails ends no request"
    assert Counter(outcome.request_id for outcome in ended) == Counter(request.request_id for request in requests)
    assert [dict(message.headers)["__connect.errors.connector.name"] for message in dead_letters] == [b"delivery"]


async def test_blocked_steps_do_not_block_a_step_of_another_topic(kafka: KafkaConnection) -> None:
    """Both steps of the topic are blocked with a backlog at first, so that the queues of both are full."""
    delivered: set[str] = set()
    moves: set[str] = set()
    gates = {"counting": asyncio.Event(), "delivery": asyncio.Event(), "moves": asyncio.Event()}
    gates["moves"].set()
    run_inline = inline(_NO_TOOLS)

    async def runner(step: AnyStep, work_input: Any, report: Report) -> CompletedWork:
        await gates[step.name].wait()
        return await run_inline(step, work_input, report)

    steps = (
        COUNTING,
        _delivery("delivery", SONG_SUBMITTED, delivered.add),
        _delivery("moves", MOVE_SUBMITTED, moves.add),
    )
    requests = [cheap_request(number) for number in range(1000, 2200)]
    clips = [digest("clip", str(number)) * 2 for number in range(20)]
    before = await _committed_songs(kafka)
    async with asyncio.timeout(150), sending(kafka) as sender, _working(kafka, steps, runner):
        await sender.send_all([submission(request, "one partition") for request in requests])
        await asyncio.sleep(3.0)
        gates["counting"].set()
        await asyncio.sleep(2.0)
        for clip in clips:
            await sender.send(submission(_clip(clip), clip))
        async with asyncio.timeout(60):
            while moves < set(clips):  # noqa: ASYNC110 - no event signals it
                await asyncio.sleep(0.05)
        assert not delivered
        gates["delivery"].set()
        await _committed(kafka, before + len(requests))
    assert delivered == {str(request.source.sha256) for request in requests}


async def test_a_webhook_gets_each_outcome_since_it_was_turned_on_and_delays_no_song(
    kafka: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver hangs at first. Then the webhook is off while requests end, and on again."""
    monkeypatch.setattr(faust_consumer, "_RECENT_S", 0.0)
    steps = (COUNTING, OUTCOME_DELIVERY)
    first, second = ([cheap_request(number) for number in range(start, start + 20)] for start in (3000, 3020))
    with receiver(*[HANG] * PARTITIONS) as found:
        monkeypatch.setenv("BACHATA_WEBHOOK_URL", found.url)
        monkeypatch.setenv("BACHATA_WEBHOOK_SECRET", "whsec_" + "a2tr" * 8)
        monkeypatch.setenv("BACHATA_WEBHOOK_PRIVATE", "1")
        async with asyncio.timeout(150), _working(kafka, steps):
            async with asyncio.timeout(60):
                await _submit_and_end(kafka, first)
            assert len(found.received) <= PARTITIONS, "all songs are done while the receiver hangs"
            found.released.set()
            await _received(found, first)
        async with asyncio.timeout(60), _working(kafka, (COUNTING,)):
            await _submit_and_end(kafka, second)
        async with asyncio.timeout(150), _working(kafka, steps):
            await _received(found, [*first, *second])
        delivered = {message.headers["webhook-id"] for message in found.received}
    assert len(delivered) == 40, "no outcome of before"


async def _submit_and_end(kafka: KafkaConnection, requests: list[SongSubmitted]) -> None:
    """Return when each of the requests is submitted and has ended."""
    ended_before = sum(await _ends(kafka))
    async with Client(kafka) as client:
        for request in requests:
            await client.submit_event(request)
    while sum(await _ends(kafka)) < ended_before + len(requests):  # noqa: ASYNC110 - no event signals it
        await asyncio.sleep(0.2)


async def _ends(kafka: KafkaConnection) -> list[int]:
    """Return the offsets of the ends of `request-ended`."""
    consumer = make_consumer(kafka)
    await consumer.start()
    try:
        partitions = [TopicPartition(REQUEST_ENDED.full_name, number) for number in range(PARTITIONS)]
        return list((await consumer.end_offsets(partitions)).values())
    finally:
        await consumer.stop()


async def _received(found: Receiver, requests: list[SongSubmitted]) -> None:
    """Return when the receiver has accepted the outcomes of these requests."""
    wanted = {request.request_id for request in requests}
    while wanted != {json.loads(message.body)["data"]["request_id"] for message in found.received}:  # noqa: ASYNC110
        await asyncio.sleep(0.1)


def _clip(sha256: str) -> MoveSubmitted:
    return MoveSubmitted(source=Source(sha256=sha256), clip="clip", request_id=sha256[:32])


_NO_TOOLS: Any = None


async def _outcomes(kafka: KafkaConnection, count: int) -> list[RequestEnded]:
    messages = await _read(kafka, REQUEST_ENDED.full_name, count)
    return [RequestEnded.model_validate_json(message.value) for message in messages]


async def _read(kafka: KafkaConnection, topic: str, count: int) -> list[Any]:
    consumer = make_consumer(kafka)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
        await consumer.seek_to_beginning()
        found: list[Any] = []
        while len(found) < count:
            batches = await consumer.getmany(timeout_ms=200)
            found += [message for batch in batches.values() for message in batch]
        return found
    finally:
        await consumer.stop()


async def _committed(kafka: KafkaConnection, count: int) -> None:
    """Return when the group has committed so many songs, so that both steps have acked each."""
    while await _committed_songs(kafka) != count:  # noqa: ASYNC110 - no event signals it
        await asyncio.sleep(0.1)


async def _committed_songs(kafka: KafkaConnection) -> int:
    async with admin_of(kafka) as admin:
        offsets = await admin.list_consumer_group_offsets(APP_ID)
    return sum(max(0, meta.offset) for tp, meta in offsets.items() if tp.topic == SONG_SUBMITTED.full_name)
