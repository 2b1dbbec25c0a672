"""The login of the local Kafka: other users of this machine can reach its ports, and get nothing from them.

Clients log in with SCRAM, which shows the password to no server: a program of another user that listens on the port
while the broker is down learns nothing that it could use. The broker has the password of its metadata log, which is
written through the controller; the controller's listener cannot use SCRAM, because it starts before the metadata is
read, so it has PLAIN, with a password of this start only that nobody but the broker and this program uses.

kcat has PLAIN too, also with a password of this start only: librdkafka before 2.6.1, as in Debian 12, makes an error in
SCRAM that Kafka refuses. What a program on the port of a broker that is down learns from kcat is of no use later.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from infra.base.secret_file import read_secret
from infra.kafka_check import connect
from infra.kafka_connection import KafkaConnection
from schemas.faults import Retryable

USER = "bachata"
MECHANISM = "SCRAM-SHA-512"
PASSWORD_FILE = "password"  # noqa: S105 - its name
_SCRAM_SHA_512 = 2  # its number in Kafka's protocol
_ITERATIONS = 4096  # the least that Kafka takes; more would protect a guessable password, which this is not

T = TypeVar("T")


def local_connection(folder: Path, bootstrap: str) -> KafkaConnection:
    """Return the connection to the local Kafka on `folder`; its password is created if missing.

    Raises: `Retryable` (`kafka`) for a file without a valid password.
    """
    try:
        return KafkaConnection(bootstrap, USER, read_secret(folder / PASSWORD_FILE), MECHANISM)
    except (OSError, ValueError) as error:
        raise Retryable(f"the password of the local Kafka cannot be read: {error}", "kafka") from error


def controller_connection(bootstrap: str) -> KafkaConnection:
    """Return the connection to the controller of a broker that is not started yet, with a new password."""
    return KafkaConnection(bootstrap, "controller", secrets.token_urlsafe(32), "PLAIN")


def kcat_connection(bootstrap: str) -> KafkaConnection:
    """Return the connection of kcat to a broker that is not started yet, with a new password."""
    return KafkaConnection(bootstrap, "kcat", secrets.token_urlsafe(32), "PLAIN")


def set_password(controller: KafkaConnection, clients: KafkaConnection) -> bool:
    """Store the password of the clients in Kafka, through its controller. Return whether it is stored: else try again.

    The caller checks first that the broker itself listens on the controller's port.
    """
    return _succeeds(_alter_scram_credentials(controller, clients))


def can_log_in(kafka: KafkaConnection) -> bool:
    """Return whether the Kafka accepts the login."""
    return _succeeds(_connect_and_close(kafka))


def _succeeds(attempt: Coroutine[Any, Any, bool]) -> bool:
    """Return the result, or False for an error; it runs in a thread, because the caller's may have an event loop."""
    from aiokafka.errors import KafkaError

    with ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(asyncio.run, attempt).result()
        except (KafkaError, OSError):
            return False


async def _connect_and_close(kafka: KafkaConnection) -> bool:
    connection = await connect(kafka, kafka.bootstrap)
    await connection.close()
    return True


async def _alter_scram_credentials(controller: KafkaConnection, clients: KafkaConnection) -> bool:
    from infra.local_kafka.scram_request import AlterUserScramCredentials

    salt = secrets.token_bytes(32)
    salted = hashlib.pbkdf2_hmac("sha512", str(clients.password).encode(), salt, _ITERATIONS)
    connection = await connect(KafkaConnection(controller.bootstrap), controller.bootstrap)
    try:
        await _log_in_with_plain(connection, controller)
        response = await connection.send(
            AlterUserScramCredentials(str(clients.username), _SCRAM_SHA_512, _ITERATIONS, salt, salted)
        )
    finally:
        await connection.close()
    return not any(result[1] for result in response.results)


async def _log_in_with_plain(connection: Any, kafka: KafkaConnection) -> None:
    """Log in as aiokafka does, without its warning that the password is not encrypted: both ends are this program's."""
    from aiokafka.protocol.admin import SaslAuthenticateRequest, SaslHandShakeRequest

    await connection.send(SaslHandShakeRequest("PLAIN"))
    await connection.send(SaslAuthenticateRequest(f"\0{kafka.username}\0{kafka.password}".encode()))
