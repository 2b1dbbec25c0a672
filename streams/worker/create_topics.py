"""Topics are made and checked from the topic table before a worker starts: a worker without them idles for good."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from schemas.faults import Retryable
from streams.topics import TopicSpec

_VISIBLE_WITHIN_S = 15.0


async def ensure_topics(bootstrap: str, specs: Sequence[TopicSpec], replication: int = 1) -> None:
    """Make the topics that are missing and check the others.

    Raises `Retryable` where the broker refuses or a topic has another number of partitions.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="bachata-admin")
    try:
        await admin.start()
        found = set(await admin.list_topics())
        await _create(admin, [spec for spec in specs if spec.name not in found], replication)
        await _check(admin, specs)
    except KafkaError as error:
        raise Retryable(f"Kafka at {bootstrap} does not answer as it should: {error}", reason="kafka") from error
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec], replication: int) -> None:
    if not specs:
        return
    wanted = [NewTopic(spec.name, spec.partitions, replication, topic_configs=spec.config) for spec in specs]
    answer = await admin.create_topics(wanted)
    for name, code, *_ in answer.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise Retryable(f"topic {name} could not be made: {for_code(code).__name__}", reason="kafka")


async def _check(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> None:
    wanted = {spec.name: spec.partitions for spec in specs}
    deadline = asyncio.get_running_loop().time() + _VISIBLE_WITHIN_S
    while missing := await _missing(admin, wanted):
        if asyncio.get_running_loop().time() > deadline:
            raise Retryable(f"topics are not there as they should be: {', '.join(missing)}", reason="kafka")
        await asyncio.sleep(0.05)


async def _missing(admin: AIOKafkaAdminClient, wanted: dict[str, int]) -> list[str]:
    described = await admin.describe_topics(list(wanted))
    partitions = {
        topic["topic"]: len(topic["partitions"])
        for topic in described
        if not topic["error_code"] and all(part["leader"] >= 0 for part in topic["partitions"])
    }
    wrong = [name for name, count in partitions.items() if count != wanted[name]]
    if wrong:
        raise Retryable(
            f"topic {wrong[0]} has {partitions[wrong[0]]} partitions, it needs {wanted[wrong[0]]}", reason="kafka"
        )
    return [name for name in wanted if name not in partitions]
