"""A Kafka that cannot be used is found out within seconds, in one line that names the setting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from infra import kafka_check
from infra.kafka_check import check_kafka
from infra.kafka_connection import KafkaConnection
from schemas.faults import Retryable

_LOGIN = KafkaConnection("127.0.0.1:1", "user", "hunter2-is-secret")
_Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def _closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    writer.close()


async def _talkative(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"\x00\x00\x00\x08 garbage\x00\x00\x00\x04more")
    await reader.read()
    writer.close()


@asynccontextmanager
async def _serving(serve: _Serve) -> AsyncIterator[str]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.mark.parametrize("serve", [_silent, _closing, _http, _talkative])
@pytest.mark.parametrize("connection", [KafkaConnection(""), _LOGIN, replace(_LOGIN, tls=True)], ids=repr)
async def test_a_server_that_is_no_kafka_is_named_within_seconds(
    serve: _Serve, connection: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_check, "_TIMEOUT_S", 0.5)
    async with _serving(serve) as address, asyncio.timeout(5):
        with pytest.raises(Retryable, match=f"BACHATA_KAFKA is {address}, ") as caught:
            await check_kafka(replace(connection, bootstrap=address))
    assert "\n" not in str(caught.value)
    assert str(_LOGIN.password) not in str(caught.value)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "no-such-host.invalid:9092", "[::1]:1"])
async def test_an_address_where_nothing_listens_is_named(address: str) -> None:
    with pytest.raises(Retryable, match="BACHATA_KAFKA is ") as caught:
        await check_kafka(KafkaConnection(address))
    assert address in str(caught.value)
    assert caught.value.reason == "kafka"
