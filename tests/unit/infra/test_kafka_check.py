"""A Kafka that cannot be used is found out within seconds, in one line that names the setting."""

from __future__ import annotations

import asyncio
import struct
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


def _string(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _kafka(host: str, port: int) -> _Serve:
    """Return a server that answers as a Kafka that names `host` and `port` as its only broker's address."""
    versions = struct.pack(">hi", 0, 2) + struct.pack(">hhh", 18, 0, 0) + struct.pack(">hhh", 3, 0, 0)
    brokers = struct.pack(">ii", 1, 1) + _string(host) + struct.pack(">ii", port, 0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while size := await reader.read(4):
            key, _, correlation = struct.unpack_from(">hhi", await reader.readexactly(*struct.unpack(">i", size)))
            body = struct.pack(">i", correlation) + (versions if key == 18 else brokers)
            writer.write(struct.pack(">i", len(body)) + body)
        writer.close()

    return serve


async def test_a_kafka_that_names_an_address_where_nothing_answers_is_refused_with_that_address() -> None:
    """As a Kafka in a container does whose `advertised.listeners` holds for containers only."""
    async with _serving(_kafka("127.0.0.1", 1)) as address:
        expected = (
            f"BACHATA_KAFKA is {address}, a Kafka that names 127.0.0.1:1 as its address, which cannot be connected"
        )
        with pytest.raises(Retryable, match=expected):
            await check_kafka(KafkaConnection(address))


async def test_a_kafka_that_names_what_is_no_address_is_refused_with_it() -> None:
    async with _serving(_kafka(64 * "x", 1)) as address:
        with pytest.raises(Retryable, match=f"names {64 * 'x'}:1 as its address, which cannot be connected to"):
            await check_kafka(KafkaConnection(address))


async def test_what_is_no_address_is_not_taken_for_a_refused_login() -> None:
    with pytest.raises(Retryable, match=r"BACHATA_KAFKA is \.\.:9092, which cannot be connected to"):
        await check_kafka(KafkaConnection("..:9092"))


async def test_one_address_that_answers_is_enough() -> None:
    async with _serving(_silent) as broker:
        host, _, port = broker.partition(":")
        async with _serving(_kafka(host, int(port))) as address:
            await check_kafka(KafkaConnection(f"{address},127.0.0.1:1"))
            await check_kafka(KafkaConnection(f"127.0.0.1:1,{address}"))


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
    async with _serving(serve) as address, asyncio.timeout(60):
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


async def _resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.transport.abort()


@pytest.mark.parametrize("serve", [_closing, _resetting])
async def test_a_kafka_without_tls_that_closes_the_connection_names_the_setting_of_tls(serve: _Serve) -> None:
    async with _serving(serve) as address:
        with pytest.raises(Retryable, match=r"closes the connection: .*BACHATA_KAFKA_TLS"):
            await check_kafka(replace(_LOGIN, bootstrap=address, tls=True))
