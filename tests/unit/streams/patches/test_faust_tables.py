"""Writing results back to a changelog that lost them: one that Kafka refuses permanently keeps back no other."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError
from faust.types import TP

from streams.patches import faust_tables
from streams.patches.faust_tables import Recovery

_CHANGELOG = TP("bachata-results-changelog", 2)


class _Producer:
    """Refuses the values in `errors`: large ones when they are sent, others when they are acknowledged."""

    def __init__(self, errors: dict[bytes, Exception]) -> None:
        self.errors = errors
        self.sent: list[bytes] = []

    async def send(self, topic: str, key: bytes, value: bytes, *_: Any) -> asyncio.Future[None]:
        error = self.errors.get(value)
        if isinstance(error, MessageSizeTooLargeError):
            raise error
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent.append(value)
        future.set_result(None) if error is None else future.set_exception(error)
        return future


async def _write_back(errors: dict[bytes, Exception], monkeypatch: pytest.MonkeyPatch) -> _Producer:
    producer = _Producer(errors)
    recovery: Any = Recovery.__new__(Recovery)
    recovery.__dict__.update(app=SimpleNamespace(producer=producer), tp_to_table={_CHANGELOG: None})
    monkeypatch.setattr(faust_tables, "_items", lambda *_: [(b"k%d" % n, b"v%d" % n) for n in range(4)])
    await recovery._write_back(_CHANGELOG)
    return producer


async def test_a_result_that_is_too_large_keeps_back_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        producer = await _write_back({b"v1": MessageSizeTooLargeError()}, monkeypatch)
    assert producer.sent == [b"v0", b"v2", b"v3"]
    assert "1 results cannot be written back: the record is larger than" in caplog.text


async def test_a_fault_of_the_connection_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KafkaConnectionError):
        await _write_back({b"v2": KafkaConnectionError()}, monkeypatch)
