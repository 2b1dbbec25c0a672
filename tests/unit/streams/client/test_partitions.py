"""A client that follows requests goes on when Kafka is away for a moment."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.client import Client


class _ConsumerWithoutKafka:
    def __init__(self, *followed: TopicPartition) -> None:
        self._client = self
        self._followed = set(followed)

    def assignment(self) -> set[TopicPartition]:
        return self._followed

    async def fetch_all_metadata(self) -> Any:
        raise KafkaError("no broker answers")


def _client(consumer: _ConsumerWithoutKafka) -> Client:
    client = Client.__new__(Client)
    client._consumer, client._models, client._next_check_at = consumer, {}, 0.0
    return client


async def test_a_client_that_reads_partitions_waits_for_kafka() -> None:
    await _client(_ConsumerWithoutKafka(TopicPartition("topic", 0)))._follow_partitions()


async def test_a_client_that_opens_without_kafka_fails() -> None:
    with pytest.raises(KafkaError):
        await _client(_ConsumerWithoutKafka())._follow_partitions()
