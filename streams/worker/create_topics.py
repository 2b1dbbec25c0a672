"""Create, grow and configure the topics of the topic table before a worker starts: without them it would idle forever.

All topics need the same number of partitions: Faust assigns the partitions of a step's topic and of the table of
results together. So if somebody added partitions to one of them, all others get as many.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import InvalidPartitionsError, TopicAlreadyExistsError, for_code

from infra.kafka_connection import KafkaConnection
from schemas.faults import Retryable
from streams.kafka import admin_of, kafka_faults
from streams.kafka_errors import retry_for
from streams.patches.aiokafka_configs import SetTopicConfigs
from streams.topics import TopicSpec

log = logging.getLogger(__name__)
_VISIBLE_TIMEOUT_S = 15.0
_RETRY_S, _RETRY_TIMEOUT_S = 0.3, 5.0
_CLUSTER_DEFAULT = -1


async def ensure_topics(
    kafka: KafkaConnection, specs: Sequence[TopicSpec], replication: int = _CLUSTER_DEFAULT
) -> None:
    """Create the missing topics, with the cluster's replication; grow and configure those that exist; check all.

    Raises: `Retryable` (`kafka`) if the broker refuses.
    """
    with kafka_faults(kafka):
        async with admin_of(kafka) as admin:
            # aiokafka asks a random broker, which may be the one that is away.
            await retry_for(_RETRY_TIMEOUT_S, _RETRY_S, lambda: _ensure(admin, specs, replication))


async def _ensure(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec], replication: int) -> None:
    found = await _partition_counts(admin)
    count = max([spec.partitions for spec in specs] + [found.get(spec.name, 0) for spec in specs])
    await _create(admin, [spec for spec in specs if spec.name not in found], count, replication)
    await _grow(admin, [spec.name for spec in specs if found.get(spec.name, count) < count], count)
    await _configure(admin, [spec for spec in specs if spec.name in found])
    await _check(admin, [spec.name for spec in specs], count)


async def _partition_counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}


async def _create(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec], partitions: int, replication: int) -> None:
    if not specs:
        return
    new_topics = [NewTopic(spec.name, partitions, 1, topic_configs=spec.config) for spec in specs]
    for topic in new_topics:
        topic.replication_factor = replication  # the constructor refuses Kafka's -1, "the cluster's default"
    response = await admin.create_topics(new_topics)
    for name, code, *_ in response.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise Retryable(f"topic {name} could not be created: {for_code(code).__name__}", reason="kafka")


async def _grow(admin: AIOKafkaAdminClient, names: Sequence[str], partitions: int) -> None:
    for name in names:
        log.warning("%s gets %d partitions, as many as the largest of our topics", name, partitions)
        try:
            await admin.create_partitions({name: NewPartitions(partitions)})
        except InvalidPartitionsError:  # another worker was faster; `_check` looks again
            continue


async def _configure(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> None:
    """Set the values that are promised and differ; leave all others, which an operator may have set."""
    current = await _configs(admin, specs)
    wrong = {
        spec.name: values
        for spec in specs
        if (
            values := {
                key: spec.config[key] for key in spec.enforced if current[spec.name].get(key) != spec.config[key]
            }
        )
    }
    if not wrong:
        return
    log.warning("the configuration of topics is corrected: %s", wrong)
    response = await admin._send_request(SetTopicConfigs(wrong))
    for code, message, _, name in response.resources:
        if code:
            log.warning("%s could not be configured (%s): %s", name, for_code(code).__name__, message)


async def _configs(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> Mapping[str, Mapping[str, str]]:
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, spec.name, dict.fromkeys(spec.enforced))
        for spec in specs
        if spec.enforced
    ]
    responses = await admin.describe_configs(resources) if resources else []
    found = {name: entries for response in responses for _, _, _, name, entries in response.resources}
    return {spec.name: {key: value for key, value, *_ in found.get(spec.name, ())} for spec in specs}


async def _check(admin: AIOKafkaAdminClient, names: Sequence[str], partitions: int) -> None:
    deadline = asyncio.get_running_loop().time() + _VISIBLE_TIMEOUT_S
    while missing := await _missing(admin, names, partitions):
        if asyncio.get_running_loop().time() > deadline:
            raise Retryable(
                f"topics do not have {partitions} partitions with a leader in time: {', '.join(missing)}",
                reason="kafka",
            )
        await asyncio.sleep(0.05)


async def _missing(admin: AIOKafkaAdminClient, names: Sequence[str], partitions: int) -> list[str]:
    described = await admin.describe_topics(list(names))
    complete = {
        topic["topic"]
        for topic in described
        if not topic["error_code"]
        and len(topic["partitions"]) >= partitions
        and all(part["leader"] >= 0 for part in topic["partitions"])
    }
    return [name for name in names if name not in complete]
