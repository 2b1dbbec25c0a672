"""Create and check the topics of the topic table before a worker starts: without them it would idle forever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from infra.kafka_connection import KafkaConnection
from schemas.faults import Retryable
from streams.topics import TopicSpec

_VISIBLE_TIMEOUT_S = 15.0


async def ensure_topics(kafka: KafkaConnection, specs: Sequence[TopicSpec], replication: int = 1) -> None:
    """Create the missing topics and check all.

    Raises: `Retryable` (`kafka`) if the broker refuses or a topic has a different number of partitions.
    """
    admin = AIOKafkaAdminClient(**kafka.client_options(), client_id="bachata-admin")
    try:
        await admin.start()
        found = set(await admin.list_topics())
        await _create(admin, [spec for spec in specs if spec.name not in found], replication)
        await _check(admin, specs)
    except KafkaError as error:
        raise Retryable(f"Kafka at {kafka} fails: {error}", reason="kafka") from error
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec], replication: int) -> None:
    if not specs:
        return
    new_topics = [NewTopic(spec.name, spec.partitions, replication, topic_configs=spec.config) for spec in specs]
    response = await admin.create_topics(new_topics)
    for name, code, *_ in response.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise Retryable(f"topic {name} could not be created: {for_code(code).__name__}", reason="kafka")


async def _check(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> None:
    expected = {spec.name: spec.partitions for spec in specs}
    deadline = asyncio.get_running_loop().time() + _VISIBLE_TIMEOUT_S
    while missing := await _missing(admin, expected):
        if asyncio.get_running_loop().time() > deadline:
            raise Retryable(f"topics were not created in time: {', '.join(missing)}", reason="kafka")
        await asyncio.sleep(0.05)


async def _missing(admin: AIOKafkaAdminClient, expected: dict[str, int]) -> list[str]:
    described = await admin.describe_topics(list(expected))
    partitions = {
        topic["topic"]: len(topic["partitions"])
        for topic in described
        if not topic["error_code"] and all(part["leader"] >= 0 for part in topic["partitions"])
    }
    wrong = [name for name, count in partitions.items() if count != expected[name]]
    if wrong:
        raise Retryable(
            f"topic {wrong[0]} has {partitions[wrong[0]]} partitions, it needs {expected[wrong[0]]}", reason="kafka"
        )
    return [name for name in expected if name not in partitions]
