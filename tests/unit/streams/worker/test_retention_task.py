"""Deleting processed records is tried again after any error."""

from __future__ import annotations

import asyncio

import pytest

from infra.kafka_connection import KafkaConnection
from streams.worker import retention


async def test_an_error_that_is_not_of_kafka_ends_no_later_deletion(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, third = [], asyncio.Event()

    async def fail(kafka: KafkaConnection) -> None:
        calls.append(kafka)
        if len(calls) == 3:
            third.set()
        raise ValueError("an answer that nobody expects")

    monkeypatch.setattr(retention, "delete_processed", fail)
    monkeypatch.setattr(retention, "_FIRST_S", 0.0)
    monkeypatch.setattr(retention, "_INTERVAL_S", 0.0)
    task = retention.Retention(KafkaConnection("127.0.0.1:9"))
    await task.start()
    async with asyncio.timeout(60):
        await third.wait()
    await task.stop()
