"""Connect to a Kafka once, to find out within seconds what is wrong with its settings."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from infra.kafka_connection import KafkaConnection
from schemas.faults import Retryable

_TIMEOUT_S = 5.0


async def connect(kafka: KafkaConnection, address: str) -> Any:
    """Return a connection of aiokafka to one "host:port", after the login. Raises: aiokafka's errors, `OSError`."""
    from aiokafka.conn import create_conn

    host, _, port = address.rpartition(":")
    options = kafka.client_options() | {"request_timeout_ms": int(1000 * _TIMEOUT_S)}
    del options["bootstrap_servers"]
    return await create_conn(host.strip("[]"), int(port), **options)


async def check_kafka(kafka: KafkaConnection) -> None:
    """Return when one of the addresses accepts the login and answers, at most 10 s later.

    Raises: `Retryable` (`kafka`), with a message of one line that names the setting to correct.
    """
    faults = await asyncio.gather(*(_fault_of(kafka, address) for address in kafka.bootstrap.split(",")))
    if all(faults):
        raise Retryable(str(faults[0]), reason="kafka")


async def _fault_of(kafka: KafkaConnection, address: str) -> str | None:
    """Return why a Kafka cannot be used at an address, or None if it can."""
    from aiokafka import errors

    try:
        async with asyncio.timeout(_TIMEOUT_S):
            brokers = await _request_brokers(kafka, address)
        return await _unreachable(address, brokers)
    except (ConnectionResetError, ConnectionAbortedError):
        return _closed(kafka, address)
    except (OSError, UnicodeError) as error:  # before ValueError: errors of a certificate and of a host name are one
        return f"BACHATA_KAFKA is {address}, {_not_connected(error)}"
    except (errors.SaslAuthenticationFailed, ValueError):  # a wrong signature of the server is a ValueError
        return f"Kafka at {address} refuses the login: correct BACHATA_KAFKA_USERNAME or BACHATA_KAFKA_PASSWORD"
    except (errors.UnsupportedSaslMechanismError, errors.IllegalSaslStateError) as error:
        return f"Kafka at {address} does not accept this login, correct BACHATA_KAFKA_MECHANISM: {error}"
    except (errors.KafkaError, AssertionError):  # aiokafka asserts what a Kafka answers
        return _closed(kafka, address)


def _not_connected(error: OSError | UnicodeError) -> str:
    if isinstance(error, TimeoutError):
        return f"where no Kafka answers within {_TIMEOUT_S:.0f} s"
    if isinstance(error, ssl.SSLError):
        return f"where TLS fails, correct BACHATA_KAFKA_TLS: {error.reason}"
    return f"which cannot be connected to: {getattr(error, 'strerror', None) or error}"


def _closed(kafka: KafkaConnection, address: str) -> str:
    expected = {
        "PLAINTEXT": "a Kafka that asks for a login or for TLS (BACHATA_KAFKA_USERNAME, BACHATA_KAFKA_TLS)",
        "SASL_PLAINTEXT": "a Kafka that asks for TLS (BACHATA_KAFKA_TLS) or for no login (BACHATA_KAFKA_USERNAME)",
        "SSL": "a Kafka without TLS (BACHATA_KAFKA_TLS) or that asks for a login (BACHATA_KAFKA_USERNAME)",
        "SASL_SSL": "a Kafka without TLS (BACHATA_KAFKA_TLS) or that asks for no login (BACHATA_KAFKA_USERNAME)",
    }[kafka.security_protocol]
    return f"BACHATA_KAFKA is {address}, which closes the connection: it is no Kafka, or {expected}"


async def _request_brokers(kafka: KafkaConnection, address: str) -> list[str]:
    """Return the addresses that a Kafka gives to its clients; it answers only after a login, if it asks for one."""
    from aiokafka.protocol.metadata import MetadataRequest

    connection = await connect(kafka, address)
    try:
        response = await connection.send(MetadataRequest([]))
    finally:
        await connection.close()
    return [f"{host}:{port}" for _, host, port, *_ in response.brokers]


async def _unreachable(address: str, brokers: list[str]) -> str | None:
    """Return why none of the brokers' own addresses can be used, or None if one can. Clients connect to these."""
    faults = [fault for fault in await asyncio.gather(*map(_connection_fault, brokers)) if fault]
    if not faults or len(faults) < len(brokers):
        return None
    return f"BACHATA_KAFKA is {address}, a Kafka that names {brokers[0]} as its address, {faults[0]}"


async def _connection_fault(address: str) -> str | None:
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, int(port))
    except (OSError, UnicodeError) as error:
        return _not_connected(error)
    writer.close()
    return None
