"""The client with a real Kafka: the contract that the fake fulfils too, and what only a Kafka can do to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from aiokafka.admin import NewPartitions

from infra.kafka_connection import KafkaConnection
from infra.kafka_jars import ensure_jars
from infra.local_kafka import LocalKafka, find_java, installed_startup_cache
from infra.settings import load_settings
from schemas.faults import Retryable
from schemas.request_ended import RequestEnded
from streams.client import AnyClient, Client, PositionError
from streams.client import follower as follower_module
from streams.client.follower import Follower
from streams.client.kafka_log import KafkaLog
from streams.client.scripted import ScriptedService
from streams.envelope import Message
from streams.ids import new_request_id
from streams.kafka import admin_of, make_producer
from streams.topics import MOVE_SUBMITTED, REQUEST_CONTROL, REQUEST_ENDED, SEQUENCE_PLANNED, SONG_SUBMITTED, specs
from streams.worker.create_topics import ensure_topics
from tests.client_contract import ClientContract, script

pytestmark = pytest.mark.broker
_READ = tuple(topic.full_name for topic in (SONG_SUBMITTED, MOVE_SUBMITTED, SEQUENCE_PLANNED, REQUEST_CONTROL))
_TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaConnection]:
    """Yield a Kafka without a worker: the outcomes are those of a script."""
    class_path = ensure_jars(load_settings().cache_dir, print)
    folder = tmp_path_factory.mktemp("kafka")
    with LocalKafka(folder, class_path, find_java(), installed_startup_cache(class_path)) as local:
        kafka = local.start()
        asyncio.run(_create_topics(kafka))
        yield kafka


async def _create_topics(kafka: KafkaConnection) -> None:
    await ensure_topics(kafka, [spec for spec in specs() if spec.name.endswith(".v1")])


@pytest.fixture(scope="module")
def service(kafka: KafkaConnection) -> Iterator[ScriptedService]:
    """Yield a service that answers on the topics of the Kafka."""
    service, stopped, started = ScriptedService(script), Event(), Event()
    thread = Thread(target=lambda: asyncio.run(_serve(kafka, service, started, stopped)))
    thread.start()
    assert started.wait(_TIMEOUT_S)
    yield service
    stopped.set()
    thread.join()


async def _serve(kafka: KafkaConnection, service: ScriptedService, started: Event, stopped: Event) -> None:
    log = KafkaLog(kafka)
    await log.start()
    async with log.reader(_READ) as reader:
        follower = Follower(reader)
        await follower.start({})
        started.set()
        while not stopped.is_set():
            records = await follower.read(0.02)
            answers = service([Message(record.topic, record.key, record.value, record.headers) for record in records])
            if answers:
                await log.publish(answers)
    await log.stop()


@pytest.fixture
def new_client(kafka: KafkaConnection, service: ScriptedService, tmp_path: Path) -> Callable[[], AnyClient]:
    return lambda: Client(kafka, data_folder=tmp_path / "data")


class TestKafkaClient(ClientContract):
    """Runs all tests of the contract."""


async def test_a_kafka_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(Retryable, match=r"Kafka at 127\.0\.0\.1:9 fails"):
        async with Client("127.0.0.1:9"):
            pass


async def test_results_read_a_partition_that_is_added(
    kafka: KafkaConnection, new_client: Callable[[], AnyClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower_module, "_PARTITIONS_INTERVAL_S", 0.2)
    async with new_client() as client, asyncio.timeout(_TIMEOUT_S):
        before = f"a-{new_request_id()}"
        await client.submit(b"1", request_id=before)
        await client.wait(before)
        results = client.results(await client.end_position())
        first = asyncio.create_task(anext(results))
        async with admin_of(kafka) as admin:
            await admin.create_partitions({REQUEST_ENDED.full_name: NewPartitions(9)})
        added = await _end_in_partition(kafka, 7)
        found = await first
        await results.aclose()
        assert found.request_id == added
        assert json.loads(found.position or "")["7"].startswith("1 0:")
        assert await client.outcome(before) is not None, "in the partition of its key, when there were four"


async def _end_in_partition(kafka: KafkaConnection, partition: int) -> str:
    request_id = new_request_id()
    ended = RequestEnded(request_id=request_id, subject="s", step="rendering", outcome="done")
    async with make_producer(kafka) as producer:
        topic, value = REQUEST_ENDED.full_name, ended.model_dump_json().encode()
        await producer.send_and_wait(topic, value, key=request_id.encode(), partition=partition)
    return request_id


async def test_a_position_of_a_topic_that_was_created_again_is_refused(
    kafka: KafkaConnection, new_client: Callable[[], AnyClient]
) -> None:
    async with new_client() as client, asyncio.timeout(_TIMEOUT_S):
        await client.wait(await client.submit(b"1"))
        position = await client.end_position()
        async with admin_of(kafka) as admin:
            await admin.delete_topics([REQUEST_ENDED.full_name])
            await asyncio.sleep(1)
            await _create_topics(kafka)
        for _ in range(30):
            await client.wait(await client.submit(b"1"))
        with pytest.raises(PositionError, match="created again"):
            await anext(client.results(position))
        found = await anext(client.results())
        assert found.state == "done"
